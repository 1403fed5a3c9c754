import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ErrorNote } from "./note.tsx";
import { Skeleton } from "./skeleton.tsx";

export interface ListCardProps<T> {
  readonly query: UseQueryResult<readonly T[]>;
  /** What is being read, for those who hear the page. */
  readonly loading: string;
  /** In place of the list when there is nothing at all. */
  readonly empty: ReactNode;
  readonly children: (items: readonly T[]) => ReactNode;
}

/** A card with a list: while it is read, when that fails, when it is empty, and when it is there. */
export function ListCard<T>({ query, loading, empty, children }: ListCardProps<T>) {
  return (
    <>
      {query.isError && <ErrorNote error={query.error} onRetry={() => void query.refetch()} />}
      {(query.isPending || query.data !== undefined) && (
        <div className="card">
          {query.isPending && <Skeleton rows={5} label={loading} />}
          {query.data?.length === 0 && empty}
          {query.data !== undefined && query.data.length > 0 && children(query.data)}
        </div>
      )}
    </>
  );
}
