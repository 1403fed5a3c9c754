import assert from "node:assert/strict";
import { test } from "node:test";

import { PlatformError } from "@millrace/core";
import { control } from "@millrace/protocol";

import type { BuildProgress, Resolution } from "./package-build.ts";
import { PackageJobs } from "./package-jobs.ts";
import type { PackageSets } from "./package-sets.ts";

type Resolve = PackageSets["resolve"];

/** Sets whose builds the test decides. */
function scripted(jobsMax = 10) {
  const asked: { tell: (progress: BuildProgress) => void; done: PromiseWithResolvers<Resolution> }[] = [];
  const resolve: Resolve = (_, __, tell) => {
    const done = Promise.withResolvers<Resolution>();
    asked.push({ tell, done });
    return done.promise;
  };
  const sets = { resolve, ensure: () => Promise.resolve() } as unknown as PackageSets;
  const jobs = new PackageJobs({
    runner: "r1",
    sets,
    pythonMinor: () => "3.11",
    answerAfterMs: 20,
    keepMs: 60_000,
    jobsMax,
  });
  return { jobs, asked };
}

function wish(requirement: string): control.PreparePackagesRequest {
  const one = { requirement, importName: "", optional: false, guessed: false, examine: false };
  return { job: "", requirements: [one], lock: "", pythonMinor: "", preferredLock: "", fresh: false };
}

function about(job: string): control.PreparePackagesRequest {
  return { job, requirements: [], lock: "", pythonMinor: "", preferredLock: "", fresh: false };
}

test("a wish starts a job, and whoever has it meanwhile shares it", async () => {
  const { jobs, asked } = scripted();
  const [one, two] = await Promise.all([jobs.ask(wish("a")), jobs.ask(wish("a"))]);
  assert.equal(asked.length, 1);
  assert.equal(one.job, two.job);
  asked[0]!.tell({ stage: "DOWNLOADING", done: 1, total: 3 });
  const { stage, done, total } = await jobs.ask(about(one.job));
  assert.deepEqual([stage, done, total], [control.PackageStage.DOWNLOADING, 1, 3]);
  asked[0]!.done.resolve({ lock: "a==1", dropped: [] });
  const { prepared } = await jobs.ask(about(one.job));
  assert.deepEqual([prepared?.lock, prepared?.pythonMinor], ["a==1", "3.11"]);
});

test("a question waits for news, but not long", async () => {
  const { jobs, asked } = scripted();
  const { job } = await jobs.ask(wish("a"));
  const waiting = jobs.ask(about(job));
  asked[0]!.tell({ stage: "INSTALLING", done: 3, total: 3 });
  assert.equal((await waiting).stage, control.PackageStage.INSTALLING);
  assert.equal((await jobs.ask(about(job))).prepared, undefined);
});

test("the same wish again, behind the end of its job, is looked at anew", async () => {
  const { jobs, asked } = scripted();
  const { job } = await jobs.ask(wish("a"));
  asked[0]!.done.reject(new PlatformError("InvalidArgument", "PACKAGES_UNRESOLVABLE", "no"));
  await assert.rejects(jobs.ask(about(job)), { reason: "PACKAGES_UNRESOLVABLE" });
  await jobs.ask(wish("a"));
  assert.equal(asked.length, 2);
});

test("jobs are bounded, and those that nobody knows are said to be unknown", async () => {
  const { jobs } = scripted(1);
  await jobs.ask(wish("a"));
  await assert.rejects(jobs.ask(wish("b")), { reason: "TOO_MANY_BUILDS" });
  await assert.rejects(jobs.ask(about("elsewhere")), { reason: "JOB_UNKNOWN" });
});

test("a lock for another Python is refused", async () => {
  const { jobs } = scripted();
  const asking = jobs.ask({ ...wish("a"), requirements: [], lock: "a==1", pythonMinor: "3.9" });
  await assert.rejects(asking, { reason: "WRONG_PYTHON" });
});
