import { useEffect, useState } from "react";

const PATIENCE_MS = 300;

/** Grey rows in place of what is on its way; nothing as long as that takes no time that anybody notices. */
export function Skeleton({ rows, label }: { readonly rows: number; readonly label: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  if (!shown) return null;
  return (
    <div role="status" aria-label={label} style={{ display: "grid", gap: 12, padding: 16 }}>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="skeleton" style={{ height: 18, width: `${90 - (row % 4) * 12}%` }} />
      ))}
    </div>
  );
}
