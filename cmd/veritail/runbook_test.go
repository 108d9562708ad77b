package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/tools/need"
)

// codeBlocks returns the blocks of code in a runbook that are in a language, without their indent.
func codeBlocks(text, language string) (blocks []string) {
	for _, m := range regexp.MustCompile("(?ms)^( *)```"+language+"\n(.*?)^ *```").FindAllStringSubmatch(text, -1) {
		var block []string
		for line := range strings.Lines(m[2]) {
			block = append(block, strings.TrimPrefix(line, m[1]))
		}
		blocks = append(blocks, strings.Join(block, ""))
	}
	return blocks
}

func shippedRunbooks(t *testing.T) *runbook.Library {
	t.Helper()
	l, err := runbook.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// words splits a command line as a shell does: in quotes blanks are part of a word, and in double ones a backslash is taken off.
func shellWords(t *testing.T, line string) (words []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`'([^']*)'|"((?:[^"\\]|\\.)*)"|(\S+)`).FindAllStringSubmatch(line, -1) {
		words = append(words, m[1]+strings.ReplaceAll(m[2], `\"`, `"`)+m[3])
	}
	return words
}

// The commands that runbooks name exist, take these flags and as many arguments, and their queries are understood; each field that they
// name is one that some format has, each action one that some format yields.
func TestTheCommandsOfRunbooksWork(t *testing.T) {
	s, err := loadSetup("")
	if err != nil {
		t.Fatal(err)
	}
	actions := actionsOf(t)
	commands := 0
	for _, b := range shippedRunbooks(t).All() {
		for _, block := range codeBlocks(b.Text, "sh") {
			for line := range strings.Lines(block) {
				words := shellWords(t, line)
				if len(words) == 0 || words[0] != "veritail" {
					continue
				}
				commands++
				if err := tryCommand(words[1:]); err != nil {
					t.Errorf("%s: %s\n%v", b.ID, line, err)
					continue
				}
				if words[1] != "search" {
					continue
				}
				if _, err := query.ParseQuestion(words[2], s.schema, time.Now()); err != nil {
					t.Errorf("%s: %s\n%v", b.ID, words[2], err)
				}
				condition, _, _ := strings.Cut(words[2], "|")
				asked := rules.Rule{ID: b.ID, When: condition, Title: "x", Group: "host.name"}
				for _, f := range rules.Unknown([]rules.Rule{asked}, s.schema) {
					t.Errorf("%s: %s\n%v", b.ID, words[2], f)
				}
				for _, m := range regexp.MustCompile(`event\.action:(?:\(([^)]*)\)|(\S+))`).FindAllStringSubmatch(condition, -1) {
					for _, action := range strings.Split(m[1]+m[2], " or ") {
						if !actions[strings.TrimSpace(action)] {
							t.Errorf("%s: no format and no rule's test knows the action %q", b.ID, action)
						}
					}
				}
			}
		}
	}
	if commands < 60 {
		t.Errorf("%d commands were tried", commands)
	}
	for _, f := range shippedRunbooks(t).Faults() {
		t.Error(f)
	}
}

// tryCommand finds a command and lets it read its flags and count its arguments.
func tryCommand(args []string) error {
	root := rootCommand()
	var found *cobra.Command
	found, rest, err := root.Find(longFlags(root, args))
	if err != nil {
		return err
	}
	if err := found.ParseFlags(rest); err != nil {
		return err
	}
	return found.ValidateArgs(found.Flags().Args())
}

// actionsOf returns the values of event.action that shipped formats and rules write.
func actionsOf(t *testing.T) map[string]bool {
	t.Helper()
	actions := map[string]bool{}
	for _, pattern := range []string{"../../configs/formats/*.toml", "../../configs/rules/*/*.toml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(err, files)
		}
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range regexp.MustCompile(`[a-z]+(?:_[a-z]+)+|\b(?:audit|statement|disconnection)\b`).FindAllString(string(text), -1) {
				actions[w] = true
			}
		}
	}
	return actions
}

// The statements of runbooks run on real servers.
func TestTheStatementsOfRunbooksRun(t *testing.T) {
	for _, server := range []struct {
		kind          scratch.Kind
		program       string
		heading       string
		driver, admin string
		first         []string
	}{
		{scratch.PostgreSQL, "initdb", "-- PostgreSQL\n", "pgx", "host=%s user=veritail dbname=shop sslmode=disable", []string{"create role alice"}},
		{scratch.InnoDB, "mariadbd", "-- MariaDB\n", "mysql", "root@unix(%s/s)/shop?multiStatements=true", []string{"create user alice@'%' identified by 'x'"}},
	} {
		t.Run(string(server.kind), func(t *testing.T) {
			t.Parallel()
			need.Program(t, server.program)
			s, err := scratch.Start(t.Context(), server.kind, "shop")
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			}()
			db, err := sql.Open(server.driver, strings.ReplaceAll(server.admin, "%s", filepath.Dir(s.Log)))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			for _, q := range server.first {
				if _, err := db.ExecContext(t.Context(), q); err != nil {
					t.Fatal(err)
				}
			}
			n := 0
			for _, b := range shippedRunbooks(t).All() {
				for _, block := range codeBlocks(b.Text, "sql") {
					rest, ok := strings.CutPrefix(block, server.heading)
					if !ok && !strings.HasPrefix(block, "-- PostgreSQL\n") && !strings.HasPrefix(block, "-- MariaDB\n") {
						t.Errorf("%s: the statement says not of which server it is:\n%s", b.ID, block)
					}
					if !ok {
						continue
					}
					for statement := range strings.SplitSeq(rest, ";\n") {
						if statement = strings.TrimSpace(statement); statement == "" {
							continue
						}
						n++
						rows, err := db.QueryContext(t.Context(), statement)
						if err != nil {
							t.Errorf("%s:\n%s\n%v", b.ID, statement, err)
							continue
						}
						for rows.Next() { //nolint:revive // an error may come with the rows
						}
						if err := rows.Err(); err != nil {
							t.Errorf("%s:\n%s\n%v", b.ID, statement, err)
						}
						rows.Close()
					}
				}
			}
			if n < 8 {
				t.Errorf("%d statements were run", n)
			}
		})
	}
}
