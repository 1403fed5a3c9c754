const BROWSERS = [
  ["Edge", /Edg\/(\d+)/],
  ["Opera", /OPR\/(\d+)/],
  ["Firefox", /Firefox\/(\d+)/],
  ["Chrome", /Chrom(?:e|ium)\/(\d+)/],
  ["Safari", /Version\/(\d+).*Safari/],
] as const;
const SYSTEMS = [
  ["Android", /Android/],
  ["iOS", /iPhone|iPad/],
  ["macOS", /Mac OS X|Macintosh/],
  ["Windows", /Windows/],
  ["Linux", /Linux|X11/],
] as const;

/** What people call the program that names itself so; as it names itself when nobody knows it. */
export function browserName(userAgent: string): string {
  const found = BROWSERS.map(([name, pattern]) => [name, pattern.exec(userAgent)?.[1]] as const).find(([, v]) => v);
  const system = SYSTEMS.find(([, pattern]) => pattern.test(userAgent))?.[0];
  if (found === undefined) return userAgent === "" ? "Unknown program" : userAgent.slice(0, 80);
  return `${found[0]} ${found[1]}${system === undefined ? "" : ` on ${system}`}`;
}
