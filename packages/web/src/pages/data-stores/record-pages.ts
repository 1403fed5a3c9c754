import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import type { DataStoreRecord } from "../../api/generated/types.ts";
import { shorten } from "../../api/resources.ts";

interface RecordPage {
  readonly records: readonly DataStoreRecord[];
  readonly nextPageToken: string | undefined;
}

function changePages(client: QueryClient, store: string, change: (page: RecordPage) => RecordPage): void {
  client.setQueriesData<InfiniteData<RecordPage>>(
    { queryKey: ["records", store] },
    (data) => data && { ...data, pages: data.pages.map(change) },
  );
}

/** Shows a record as it is now in the pages that have been read: reading all of them again could take thousands of calls. */
export function putIntoPages(client: QueryClient, store: string, record: DataStoreRecord): void {
  changePages(client, store, (page) => {
    if (!page.records.some(({ key }) => key === record.key)) return page;
    return { ...page, records: page.records.map((each) => (each.key === record.key ? shorten(record) : each)) };
  });
}

/** Leaves a deleted record out of the pages that have been read. */
export function dropFromPages(client: QueryClient, store: string, key: string): void {
  changePages(client, store, (page) => {
    if (!page.records.some((each) => each.key === key)) return page;
    return { ...page, records: page.records.filter((each) => each.key !== key) };
  });
}
