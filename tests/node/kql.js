// Parses and binds queries in the Kusto language with Microsoft's own language service.
//
// Standard input: {"tables": {name: {column: type}}, "functions": {name: body}, "queries": {name: text}}.
// Standard output: {name: {"problems": [what the service says], "columns": {column: type of the result}}}.

require("@kusto/language-service-next/bridge.min.js");
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");

const { GlobalState, KustoCode, Symbols } = Kusto.Language;

function schema(columns) {
  return "(" + Object.entries(columns).map(([name, type]) => `${name}: ${type}`).join(", ") + ")";
}

function symbols({ tables, functions }) {
  return [
    ...Object.entries(tables).map(([name, columns]) => new Symbols.TableSymbol.$ctor7(name, schema(columns), null)),
    ...Object.entries(functions).map(([name, body]) => new Symbols.FunctionSymbol.$ctor16(name, "()", `{ ${body} }`, null)),
  ];
}

function list(ofBridge) {
  const items = [];
  const cursor = Bridge.getEnumerator(ofBridge);
  while (cursor.moveNext()) items.push(cursor.Current);
  return items;
}

function checked(text, globals) {
  const code = KustoCode.ParseAndAnalyze(text, globals);
  const problems = list(code.GetDiagnostics()).map((found) => `${found.Code}: ${found.Message}`);
  const columns = code.ResultType && code.ResultType.Columns ? list(code.ResultType.Columns) : [];
  return { problems, columns: Object.fromEntries(columns.map((column) => [column.Name, column.Type.Name])) };
}

const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
const workspace = new Symbols.DatabaseSymbol.ctor("workspace", symbols(asked));
const globals = GlobalState.Default.WithDatabase(workspace);
const answers = Object.entries(asked.queries).map(([name, text]) => [name, checked(text, globals)]);
process.stdout.write(JSON.stringify(Object.fromEntries(answers)));
