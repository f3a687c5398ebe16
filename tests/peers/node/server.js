// Prints what arrives at @fluent-org/logger's server as JSON Lines, after one line with its port. Arguments: its options
// as JSON; "cert" and "key" are files.
const fs = require("fs");
const { FluentServer } = require("@fluent-org/logger");

const { cert, key, ...options } = JSON.parse(process.argv[2]);
if (cert) options.tlsOptions = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
options.listenOptions = { host: "127.0.0.1", port: 0 };
const server = new FluentServer(options);
server.on("entry", (tag, time, record) => console.log(JSON.stringify({ tag, time: String(time), record })));
server.listen().then(() => console.log(JSON.stringify({ port: server.port })));
