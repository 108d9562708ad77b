package transactions

import "testing"

func TestNormalise(t *testing.T) {
	for _, tc := range []struct{ sql, want string }{
		{"UPDATE accounts SET balance=balance-1 WHERE id=3;", "UPDATE accounts SET balance=balance-? WHERE id=?"},
		{"select * from t where a = 'it''s' and b in (1, 2,3)", "select * from t where a = ? and b in (?)"},
		{"insert into t values (1, 'a'), (2, 'b') , (3,'c')", "insert into t values (?)"},
		{"select /* who */ 1 -- one\n + 2", "select ? + ?"},
		{"select $tag$ ' ; $tag$, $1, :name, @p, ?", "select ?"},
		{"select x::int, a.\"B\", `c`", "select x::int, a.\"B\", `c`"},
		{`select 'a\'b', E'c\'d', x'00'`, "select ?"},
		{"select 'cut off", "select ?"},
		{"select 1.5e3, 0x1F, -2", "select ?, -?"},
		{"", ""},
	} {
		if got := Normalise(tc.sql); got != tc.want {
			t.Errorf("%s\nis    %s\nwants %s", tc.sql, got, tc.want)
		}
	}
}

func TestStatements(t *testing.T) {
	for _, tc := range []struct {
		sql  string
		want []Statement
	}{
		{"BEGIN; UPDATE shop.accounts SET b=b-1 WHERE id=3; select pg_sleep(0.5); COMMIT;", []Statement{
			{Verb: "begin"}, {Verb: "update", Table: "accounts", Where: "id=3", Locks: true}, {Verb: "select"}, {Verb: "commit"}}},
		{"DELETE FROM ONLY \"Orders\" WHERE id = $1", []Statement{{Verb: "delete", Table: "Orders", Where: "id = $1", Locks: true}}},
		{"insert into `a`.`b` (x) values (1)", []Statement{{Verb: "insert", Table: "b", Where: "(1)", Locks: true}}},
		{"SELECT * FROM a WHERE id=1 FOR UPDATE", []Statement{{Verb: "select", Table: "a", Where: "id=1 FOR UPDATE", Locks: true}}},
		{"SELECT * FROM a", []Statement{{Verb: "select", Table: "a"}}},
		{"with x as (select 1) update y set z=1", []Statement{{Verb: "update", Table: "y", Locks: true}}},
		{"lock table t in exclusive mode", []Statement{{Verb: "lock", Table: "t", Locks: true}}},
		{"UPDATE [accounts] set [balance] = [balance]+@1  WHERE [id]=@2", []Statement{{Verb: "update", Table: "accounts", Where: "[id]=@2", Locks: true}}},
		{"insert into notes values ('a; update b set c=1')", []Statement{{Verb: "insert", Table: "notes", Where: "('a; update b set c=1')", Locks: true}}},
		{"  ;; ", nil},
	} {
		got := Statements(tc.sql)
		if len(got) != len(tc.want) {
			t.Errorf("%s has %d statements: %+v", tc.sql, len(got), got)
			continue
		}
		for i := range got {
			got[i].Text, got[i].Name = "", ""
			if got[i] != tc.want[i] {
				t.Errorf("%s\nis    %+v\nwants %+v", tc.sql, got[i], tc.want[i])
			}
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{"select 'a''b' /* c */ $$d$$ `e` [f] \"g\" @h :i ? ::j", "-- x", "'", "$a$", "[a", "\xff\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n := Normalise(s); len(n) > 2*len(s)+1 {
			t.Errorf("%d bytes become %d", len(s), len(n))
		}
		read := 0
		for _, tok := range lex(s) {
			if tok.text == "" {
				t.Fatal("a token of nothing")
			}
			read += len(tok.text)
		}
		if read > len(s) {
			t.Errorf("tokens of %d bytes were read from %d", read, len(s))
		}
		for _, one := range Statements(s) {
			one.Condition()
			_, _, _ = one.Cells() // whatever it says, it comes to an end
		}
		Fill(s, func(int) string { return "1" })
	})
}
