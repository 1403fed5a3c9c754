/** Cookies of the house's own, by the start of their names. */
const OWN = /^(__Host-|__Secure-)?millrace_/i;

/** The value of a `cookie` header without the house's own cookies: no workflow on its host gets to see them. */
export function withoutHouseCookies(cookies: string): string {
  const kept = cookies.split(";").filter((part) => !OWN.test(part.trimStart()));
  return kept.join(";").trim();
}
