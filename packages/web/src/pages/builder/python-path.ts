/** How Python names a place in data: `pd.steps["a"]["b"][0]`. The first part stands as it is. */
export function pathTo([first, ...rest]: readonly (string | number)[]): string {
  return `${first}${rest.map((part) => `[${typeof part === "number" ? part : JSON.stringify(part)}]`).join("")}`;
}
