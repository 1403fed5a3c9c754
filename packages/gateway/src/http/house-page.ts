import type { HttpAnswer } from "./http-answer.ts";

/** Parts of a page of the house's own. */
export interface HousePage {
  /** For people; shown as text. */
  readonly text: string;
  /** HTML behind the text, such as a form. */
  readonly html?: string;
  /** Another origin that a form may lead to. */
  readonly formTarget?: string;
}

/** A page of the house's own, without scripts, that nobody keeps, frames or learns the address of. */
export function housePage(status: number, { text, html = "", formTarget = "" }: HousePage): HttpAnswer {
  const document = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Millrace</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Millrace</h1><p>${escapeHtml(text)}</p>${html}</html>
`;
  const policy = `default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ${formTarget}; frame-ancestors 'none'`;
  const headers = [
    ...["content-type", "text/html; charset=utf-8", "content-security-policy", policy],
    ...["x-content-type-options", "nosniff", "referrer-policy", "no-referrer", "cache-control", "no-store"],
  ];
  return { status, headers, body: Buffer.from(document) };
}

/** Text as it may stand in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
