/** Set-up cannot go on. The message names the cause and the remedy; it is shown without a stack. */
export class SetupError extends Error {
  /**
   * @param {string} message what is wrong
   * @param {string} remedy what to do about it
   */
  constructor(message, remedy) {
    super(`${message}\n  remedy: ${remedy}`);
    this.name = "SetupError";
  }
}
