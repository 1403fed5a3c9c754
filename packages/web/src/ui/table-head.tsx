/** A column's heading, with the class of its cells where they have one. */
export type Column = string | { readonly text: string; readonly className: string };

export interface TableHeadProps {
  readonly columns: readonly Column[];
  /** Rows end with a menu; its column has a name that is heard, not seen. */
  readonly actions?: boolean;
}

/** The headings of a table. */
export function TableHead({ columns, actions = false }: TableHeadProps) {
  const named = columns.map((column) => (typeof column === "string" ? { text: column, className: undefined } : column));
  return (
    <thead>
      <tr>
        {named.map(({ text, className }) => (
          <th key={text} scope="col" className={className}>
            {text}
          </th>
        ))}
        {actions && (
          <th scope="col" className="row-menu">
            <span className="visually-hidden">Actions</span>
          </th>
        )}
      </tr>
    </thead>
  );
}
