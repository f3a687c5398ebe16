// Checks a definition of Splunk's Dashboard Studio with Splunk's own validator.
//
// Standard input: the definition. Standard output: a list of what is wrong with it, empty if it is valid.

const { createSchemaBasedOnDicts } = require("@splunk/dashboard-definition");
const { DashboardValidator } = require("@splunk/dashboard-validation");
const options = require("@splunk/visualization-schemas");

// The validator takes any option; here an option that Splunk does not know is a mistake.
function strict(properties) {
  return { extend: { type: "object", properties, additionalProperties: false } };
}

const text = { type: "string", nullable: true };
const schema = createSchemaBasedOnDicts({
  visualizationDict: {
    "splunk.bar": strict(options.barOptionsSchema),
    "splunk.column": strict(options.columnOptionsSchema),
    "splunk.table": strict(options.tableOptionsSchema),
  },
  layoutDict: { grid: strict({ width: { type: "number" } }) },
  dataSourceDict: { "ds.search": strict({ query: text, queryParameters: { type: "object" } }) },
  inputDict: { "input.timerange": strict({ token: text, defaultValue: text }) },
});

const validator = new DashboardValidator();
const unusable = validator.setSchema(schema);
if (unusable) throw unusable;
const found = validator.validate(JSON.parse(require("fs").readFileSync(0, "utf8"))) || [];
process.stdout.write(JSON.stringify(found.map((item) => `${item.instancePath || ""} ${item.message || item}`)));
