import type { IncomingMessage } from "node:http";

/** Programs that open a link which somebody has only written down: previews of chats and mails, scanners, crawlers. */
const PREVIEWERS =
  /bot\b|bots\b|crawl|spider|preview|unfurl|facebookexternalhit|whatsapp|slack-imgproxy|embedly|scanner|safelinks|mimecast|barracuda|proofpoint|ms-office|bingpreview|google-pagerenderer|skypeuripreview|iframely|vkshare|pinterest/i;

/**
 * True for a request that must not act: it was made to look at the link, by a browser (whose person then decides), by one
 * that fetches ahead, or by something that shows or scans links. A POST always acts.
 */
export function looksOnly({ method, headers }: IncomingMessage): boolean {
  if (method === "POST") return false;
  if (method === "HEAD") return true;
  const ahead = [headers["sec-purpose"], headers["purpose"], headers["x-purpose"], headers["x-moz"]];
  if (ahead.some((value) => /prefetch|prerender|preview/i.test(String(value ?? "")))) return true;
  return /text\/html/i.test(headers.accept ?? "") || PREVIEWERS.test(headers["user-agent"] ?? "");
}

/** True when the answer is for people's eyes. */
export function wantsPage({ headers }: IncomingMessage): boolean {
  return /text\/html/i.test(headers.accept ?? "");
}
