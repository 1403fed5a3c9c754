import { connectBus } from "@millrace/bus";

/** Answers requests on `bench.echo`; the other side of the floor of a core-NATS exchange. */
const [url, user, password] = process.argv.slice(2);
const bus = await connectBus({ url: url!, user: user!, password: password!, name: "bench-echo" });
bus.subscribe("millrace.p.9999.submit", (data, { reply }) => bus.respond(reply, data));
await bus.flush();
process.stdout.write("ready\n");
