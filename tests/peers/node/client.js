// Sends the records on stdin (JSON Lines) with @fluent-org/logger and prints a line when each is done: with `ack`, when
// it was acknowledged. Arguments: port, then the client's options as JSON; "ca" is a file.
const fs = require("fs");
const readline = require("readline");
const { FluentClient, EventTime } = require("@fluent-org/logger");

async function main() {
  const [port, text] = process.argv.slice(2);
  const { ca, ...options } = JSON.parse(text);
  options.socket = { host: "127.0.0.1", port: Number(port), timeout: 5000 };
  if (ca) options.socket.tls = { ca: fs.readFileSync(ca), servername: "localhost" };
  const client = new FluentClient("raw.node", options);
  const sent = [];
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const done = client.emit(JSON.parse(line), new EventTime(1740994863, 250000001));
    sent.push(done.then(() => console.log("done")));
  }
  await client.flush();
  await Promise.all(sent);
  await client.disconnect();
}

main().catch((error) => {
  console.error(error.name);
  process.exit(1);
});
