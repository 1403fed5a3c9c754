import { lazy, Suspense } from "react";
import { Skeleton } from "../../ui/skeleton.tsx";
import type { CodeEditorProps } from "./code-editor.tsx";

const CodeEditor = lazy(async () => ({ default: (await import("./code-editor.tsx")).CodeEditor }));

/** The code editor, loaded when it is first shown. */
export function Editor(props: CodeEditorProps) {
  return (
    <Suspense fallback={<Skeleton rows={6} label="Loading the editor" />}>
      <CodeEditor {...props} />
    </Suspense>
  );
}
