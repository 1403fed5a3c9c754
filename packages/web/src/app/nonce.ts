import { setNonce } from "get-nonce";

/** What lets a style of this page's own count, under its policy; empty in development, where there is none. */
export const nonce = document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";

if (nonce !== "") setNonce(nonce);
