import type { FileChange, PackageChange } from "../../api/generated/types.ts";
import { Compare } from "./compare.tsx";
import "./changes.css";

const SETTINGS_FILE = "workflow.json";
/** More at once nobody reads: then each is opened by hand. */
const OPEN_FILES = 4;

/** Files that differ, each with what it was and what it is. */
export function FileChanges({ files }: { readonly files: readonly FileChange[] }) {
  return (
    <div className="changes">
      {files.map(({ file = "", oldText, newText }) => (
        <details key={file} open={files.length <= OPEN_FILES && (file !== SETTINGS_FILE || oldText !== undefined)}>
          <summary>
            <span className="mono">{file === SETTINGS_FILE ? "settings" : file}</span>
            {oldText === undefined && <span className="badge good">new</span>}
            {newText === undefined && <span className="badge bad">removed</span>}
          </summary>
          {oldText === undefined || newText === undefined ? (
            <pre className="code-block" tabIndex={0} aria-label={file}>
              {newText ?? oldText}
            </pre>
          ) : (
            <Compare before={oldText} after={newText} />
          )}
        </details>
      ))}
    </div>
  );
}

/** What differs in the lock. */
export function PackageChanges({ changes }: { readonly changes: readonly PackageChange[] }) {
  if (changes.length === 0) return null;
  return (
    <div className="field">
      <span className="label">Packages</span>
      <ul className="package-changes">
        {changes.map(({ name, oldVersion = "", newVersion = "" }) => (
          <li key={name} className="mono">
            {oldVersion === "" ? "+ " : newVersion === "" ? "− " : ""}
            {name} {[oldVersion, newVersion].filter((version) => version !== "").join(" → ")}
          </li>
        ))}
      </ul>
    </div>
  );
}
