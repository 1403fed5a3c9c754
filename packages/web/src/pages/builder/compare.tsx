import { lazy, Suspense } from "react";
import { Skeleton } from "../../ui/skeleton.tsx";
import type { MergeTextsProps } from "./merge-texts.tsx";

const MergeTexts = lazy(async () => ({ default: (await import("./merge-texts.tsx")).MergeTexts }));

/** Two texts beside each other, what differs marked; loaded when it is first shown. */
export function Compare(props: MergeTextsProps) {
  return (
    <Suspense fallback={<Skeleton rows={4} label="Loading the comparison" />}>
      <MergeTexts {...props} />
    </Suspense>
  );
}
