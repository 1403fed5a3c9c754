import type { runApi } from "@millrace/protocol";

/** A replay of a whole run, as it was. */
export const WHOLE_REPLAY: Omit<runApi.ReplayRunRequest, "name"> = {
  ...{ requestId: "", waitTimeout: undefined, fromStep: "", newestVersion: false, eventJson: "" },
};

/** The first lines of a log, whatever they are. */
export const FIRST_LINES: Omit<runApi.ListRunLogsRequest, "parent"> = {
  ...{ pageSize: 0, pageToken: "", text: "", streams: [], step: "", fromEnd: false },
};
