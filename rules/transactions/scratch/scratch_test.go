package scratch_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/tools/need"
)

func TestAServerStartsAnswersAndLeavesNothing(t *testing.T) {
	for kind, program := range map[scratch.Kind]string{scratch.PostgreSQL: "initdb", scratch.InnoDB: "mariadbd"} {
		t.Run(string(kind), func(t *testing.T) {
			need.Program(t, program)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			s, err := scratch.Start(ctx, kind, "shop")
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := s.DB.QueryRowContext(ctx, "select 40+2").Scan(&n); err != nil || n != 42 {
				t.Errorf("it answers %d, %v", n, err)
			}
			if !strings.Contains(s.Version, "PostgreSQL") && !strings.Contains(s.Version, "MariaDB") {
				t.Errorf("it is %q", s.Version)
			}
			for _, sql := range []string{"select pg_read_file('/etc/passwd')", "copy (select 1) to program 'true'", "select load_file('/etc/passwd') is not null and 1/0", "select 1 into outfile '/tmp/scratch-outfile'", "create user evil"} {
				if s.Kind == scratch.InnoDB && strings.Contains(sql, "load_file") {
					var text *string
					if err := s.DB.QueryRowContext(ctx, "select load_file('/etc/passwd')").Scan(&text); err != nil || text != nil {
						t.Errorf("a file can be read: %v", err)
					}
					continue
				}
				if _, err := s.DB.ExecContext(ctx, sql); err == nil {
					t.Errorf("the user may %s", sql)
				}
			}
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(s.Log); !os.IsNotExist(err) {
				t.Errorf("its log is there: %v", err)
			}
		})
	}
}
