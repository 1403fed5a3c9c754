/** True where people press ⌘ for what is Ctrl elsewhere. */
const isMac = /mac|iphone|ipad/i.test(navigator.userAgent);

/** That key, as it stands in front of another. */
export const MOD_KEY = isMac ? "⌘" : "Ctrl ";
