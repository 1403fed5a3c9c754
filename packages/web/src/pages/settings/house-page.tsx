import { useQuery } from "@tanstack/react-query";
import { Link } from "react-router";
import { Page } from "../../app/page.tsx";
import { houseQuery } from "../../api/queries.ts";
import type { House } from "../../api/generated/types.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { ErrorNote, Note } from "../../ui/note.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TableHead } from "../../ui/table-head.tsx";
import { Ago } from "../../ui/time.tsx";
import { SettingsTabs } from "./settings-tabs.tsx";
import "./settings.css";

const EVERY_MS = 3_000;

/** What the house is made of, and how it is. */
export function HousePage() {
  const house = useQuery({ ...houseQuery, refetchInterval: EVERY_MS });
  return (
    <Page title="Settings">
      <SettingsTabs />
      {house.isError && <ErrorNote error={house.error} onRetry={() => void house.refetch()} />}
      {house.isPending && <Skeleton rows={6} label="Loading the house" />}
      {house.data !== undefined && (
        <>
          {house.data.findings?.map(({ reason, message }) => (
            <Note key={reason} kind="warn">
              <p>{message}</p>
              <p className="mono">{reason}</p>
            </Note>
          ))}
          <div className="settings">
            <About house={house.data} />
            <Processes house={house.data} />
          </div>
        </>
      )}
    </Page>
  );
}

function About({ house }: { readonly house: House }) {
  return (
    <section className="card setting" aria-labelledby="about-heading">
      <header>
        <h2 id="about-heading">This house</h2>
      </header>
      <dl className="setting-facts">
        <dt>Version</dt>
        <dd className="mono">{house.version}</dd>
        <dt>Address of triggers</dt>
        <dd className="copy-line">
          <code className="truncate">{house.publicUrl}</code>
          <CopyButton text={house.publicUrl ?? ""} label="Copy the address" />
        </dd>
        <dt>Database</dt>
        <dd>
          <Reached is={house.databaseConnected === true} />
        </dd>
        <dt>Broker</dt>
        <dd>
          <Reached is={house.brokerConnected === true} />
        </dd>
        <dt>API</dt>
        <dd>
          <a href="/api/v1/openapi.json" target="_blank" rel="noreferrer">
            OpenAPI document
          </a>
        </dd>
        <dt>Command line</dt>
        <dd>
          <code>npx millrace status</code>
        </dd>
      </dl>
    </section>
  );
}

function Reached({ is }: { readonly is: boolean }) {
  return <span className={is ? "badge good" : "badge bad"}>{is ? "reached" : "not reached"}</span>;
}

function Processes({ house }: { readonly house: House }) {
  const { gateways = [], schedulers = [], runners = [] } = house;
  return (
    <section className="card setting" aria-labelledby="processes-heading">
      <header>
        <h2 id="processes-heading">Processes</h2>
        <Link to="/runners">Runners</Link>
      </header>
      <table className="table">
        <TableHead columns={["Process", "Kind", "What it has", "Heard"]} />
        <tbody>
          {gateways.map(({ gateway, seenTime, generation = "0" }) => (
            <tr key={`gateway ${gateway}`}>
              <td className="mono">
                {gateway} {gateway === house.gateway && <span className="badge">answers you</span>}
              </td>
              <td className="muted">gateway</td>
              <td className="muted">definitions of generation {generation}</td>
              <td className="muted">
                <Ago time={seenTime} />
              </td>
            </tr>
          ))}
          {schedulers.map(({ scheduler, partitionCount = 0 }) => (
            <tr key={`scheduler ${scheduler}`}>
              <td className="mono">{scheduler}</td>
              <td className="muted">scheduler</td>
              <td className="muted">{partitionCount} partitions</td>
              <td className="faint">by its lease</td>
            </tr>
          ))}
          {runners.map(({ runner, runCount = 0, seenTime, pool }) => (
            <tr key={`runner ${pool} ${runner}`}>
              <td className="mono">{runner}</td>
              <td className="muted">runner</td>
              <td className="muted">{runCount === 1 ? "1 run" : `${runCount} runs`}</td>
              <td className="muted">
                <Ago time={seenTime} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
