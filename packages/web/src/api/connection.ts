import { createSignal } from "./signal.ts";

/** True from a call that nothing answered until one that the house did answer. */
export const houseSilent = createSignal(false);

/** True from the answer that a session is over until somebody has signed in again. */
export const sessionOver = createSignal(false);
