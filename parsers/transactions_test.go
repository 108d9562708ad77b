package parsers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// What transactions.toml says of a log gives its events the fields of transactions, and leaves others alone.
func TestALogOfTransactionsIsReadAsTheConfigurationSays(t *testing.T) {
	t.Parallel()
	const log = `
[[log]]
name        = "tills"
dataset     = "app"
when        = { kind = "sale|end" }
id          = "receipt"
state       = "result"
amount      = "cents"
unit        = 0.01
from        = "card.number"
most        = 50
ends_within = "1m"

[log.batch]
count = "n"

[[log]]
name    = "done"
dataset = "app"
when    = { kind = "payout" }
id      = "no"
amount  = "value"

[means]
completed = ["paid"]
failed    = ["no money"]
`
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, configs.TransactionsFile), []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := parsers.Open(configs.FS(dir), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, line, has, not string }{
		{"cents, a number as id, a word in other letters", `"kind":"sale","receipt":4711,"result":"PAID","cents":1995,"card":{"number":"x1"}`,
			`"transaction.id":"4711" "veritail.transaction.state":"PAID" "event.outcome":"success" "veritail.transaction.amount":19.95 "veritail.transaction.account":"x1" ` +
				`"veritail.transaction.log":"tills" "veritail.transaction.range":"within" "event.action":"business_transaction" "veritail.transaction.batch":"till.log" "veritail.transaction.ends_within":`, ""},
		{"a word of two words", `"kind":"sale","receipt":"a","result":"no money"`, `"event.outcome":"failure"`, `"veritail.transaction.amount" "veritail.transaction.range"`},
		{"out of range", `"kind":"sale","receipt":"a","cents":5001`, `"veritail.transaction.range":"above" "veritail.transaction.amount":50.01`, "event.outcome"},
		{"a word that nobody explained", `"kind":"sale","receipt":"a","result":"perhaps"`, `"transaction.id":"a" "veritail.transaction.state":"perhaps"`, "event.outcome"},
		{"a control record is no transaction", `"kind":"end","n":3`, `"event.action":"business_batch" "veritail.transaction.batch_count":3 "veritail.transaction.batch":"till.log"`, "transaction.id"},
		{"without an id", `"kind":"sale","result":"paid"`, "", "business_transaction veritail.transaction"},
		{"of another kind", `"kind":"hello","receipt":"a","result":"paid"`, "", "business_transaction veritail.transaction"},
		{"a log without states tells what was done", `"kind":"payout","no":"7","value":3.5`, `"event.outcome":"success" "veritail.transaction.amount":3.5 "veritail.transaction.log":"done"`, "veritail.transaction.range"},
		{"an amount that is none", `"kind":"payout","no":"7","value":"much"`, `"transaction.id":"7" "value":"much"`, "veritail.transaction.amount"},
	} {
		d := decoder(t, set, "json", "till.log")
		out := read(d, []byte(`{"time":"2026-11-24T09:00:00Z",`+tc.line+"}\n"))
		if len(out) != 1 {
			t.Fatalf("%s: %d events", tc.name, len(out))
		}
		has(t, out[0].text, strings.Fields(tc.has)...)
		for _, no := range strings.Fields(tc.not) {
			if strings.Contains(out[0].text, no) {
				t.Errorf("%s: %s in\n%s", tc.name, no, out[0].text)
			}
		}
	}
}

// Logs of transactions may be told while decoders are at work: what was a member of a text only is a field from then on.
func TestLogsOfTransactionsAreToldWhileDecodersWork(t *testing.T) {
	t.Parallel()
	set, err := parsers.Open(configs.FS(""), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	tell := func(text string) {
		t.Helper()
		told, err := set.Transactions(fstest.MapFS{configs.TransactionsFile: {Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		set.Tell(told)
	}
	lines := map[string]string{
		"json":        `{"time":"2026-11-24T09:00:00Z","message":"sold","receipt":"R-1"}` + "\n",
		"w3c.undated": "10:00:00 192.0.2.7 R-1\n",
	}
	decoders, at := map[string]*parsers.Decoder{}, map[string]int64{}
	for format := range lines {
		decoders[format] = decoder(t, set, format, "till.log")
	}
	next := func(format, text string) []outcome { // of the file, which goes on
		var b event.Batch
		decoders[format].Decode(&b, []byte(text), at[format])
		at[format] += int64(len(text))
		return byOffset(collect(nil, &b))
	}
	next("w3c.undated", "#Fields: time c-ip x-receipt\n")
	is := func(what string, of bool) {
		t.Helper()
		for format, line := range lines {
			out := next(format, line)
			if len(out) != 1 || strings.Contains(out[0].text, `"transaction.id":"R-1"`) != of {
				t.Errorf("%s, %s: it is a transaction's: %v, want %v: %+v", what, format, !of, of, out)
			}
		}
	}
	is("nothing is told", false)
	tell("[[log]]\nname = \"tills\"\ndataset = \"app\"\nid = \"receipt\"\n[[log]]\nname = \"web\"\ndataset = \"w3c\"\nid = \"w3c.x-receipt\"\n")
	is("their logs are told", true)
	tell("[[log]]\nname = \"others\"\ndataset = \"other\"\nid = \"no\"\n")
	is("others are", false)

	if _, err := set.Transactions(fstest.MapFS{configs.TransactionsFile: {Data: []byte("[[log]]\nname = \"tills\"\n")}}); err == nil {
		t.Error("a mistake is taken")
	}
	is("a mistake was made", false)

	ended := make(chan bool)
	go func() {
		defer close(ended)
		for range 100 {
			next("json", lines["json"])
		}
	}()
	for i := range 20 {
		tell(fmt.Sprintf("[[log]]\nname = \"tills\"\ndataset = \"app\"\nid = \"receipt%d\"\nstate = \"state\"\n", i%7))
	}
	<-ended
}
