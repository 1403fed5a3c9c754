import { useSignal } from "../api/signal.ts";
import { Dialog } from "../ui/dialog.tsx";
import { MOD_KEY } from "./platform.ts";
import { helpOpen } from "./shortcuts.ts";
import "./shortcuts-dialog.css";

const MOD = MOD_KEY.trim();
const GROUPS = [
  {
    heading: "Anywhere",
    keys: [
      [[MOD, "K"], "Search and commands"],
      [["?"], "This list"],
      [["Esc"], "Close what is open"],
      [["Tab"], "The next control; the first one skips the navigation"],
    ],
  },
  {
    heading: "In a list of runs",
    keys: [
      [["j", "k"], "The next run, the one before"],
      [["Enter"], "Open it"],
      [["x"], "Choose it"],
    ],
  },
  {
    heading: "In the builder",
    keys: [
      [[MOD, "S"], "Save the draft now"],
      [[MOD, "Enter"], "Test the step"],
      [[MOD, "D"], "Deploy"],
      [["Esc", "Tab"], "Leave the code editor"],
    ],
  },
] as const;

/** Which keys do what. */
export function ShortcutsDialog() {
  const open = useSignal(helpOpen);
  return (
    <Dialog open={open} onOpenChange={helpOpen.set} title="Keyboard shortcuts">
      {GROUPS.map(({ heading, keys }) => (
        <section key={heading}>
          <h3 className="shortcut-heading">{heading}</h3>
          <dl className="shortcuts">
            {keys.map(([combination, what]) => (
              <div key={what}>
                <dt>
                  {combination.map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Dialog>
  );
}
