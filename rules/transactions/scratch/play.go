package scratch

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
)

// A Step is a statement that one of the sessions runs.
type Step struct {
	Session int    `json:"session"` // from 0
	SQL     string `json:"sql"`
}

// An Outcome is what became of a step.
type Outcome struct {
	Step
	Took   time.Duration `json:"took"`
	Waited bool          `json:"waited"`          // it had not ended when the next step began
	Code   string        `json:"code,omitempty"`  // of its error: SQLSTATE, or MariaDB's number
	Error  string        `json:"error,omitempty"` // what the server said

	at      int
	skipped bool
}

// A Play is how the steps went.
type Play struct {
	Outcomes []Outcome `json:"outcomes"` // in the order of the steps; those behind a session's error are left out
	Sessions []int64   `json:"sessions"` // the process or thread of each at the server
	Deadlock bool      `json:"deadlock"` // one of the errors is a deadlock
}

// The waits of a play: a statement that takes longer than blocked waits for a lock, and one that takes longer than stuck is given up.
const (
	blocked = 150 * time.Millisecond
	stuck   = 20 * time.Second
)

// Play runs the steps in their order, each in its session. A step that does not end within a moment waits for a lock: the
// next one is begun meanwhile, and what its session has to do comes after it. A session that has met an error does no more
// and is rolled back. The error is of the server as a whole, not of a statement.
func (s *Server) Play(ctx context.Context, sessions int, steps []Step) (*Play, error) {
	ctx, cancel := context.WithTimeout(ctx, stuck)
	defer cancel()
	p := &Play{}
	list := make([]*player, sessions)
	for i := range list {
		one, err := s.player(ctx, len(steps))
		if err != nil {
			return nil, errors.Join(err, end(list))
		}
		list[i] = one
		p.Sessions = append(p.Sessions, one.id)
	}
	done := make(chan Outcome, len(steps)) // every step sends once, so nobody waits
	at := make([]*bool, len(steps))
	for i, step := range steps {
		waited, ended := false, make(chan struct{})
		at[i] = &waited
		list[step.Session].todo <- func(pl *player) {
			defer close(ended)
			done <- pl.do(ctx, i, step)
		}
		select {
		case <-ended:
		case <-time.After(blocked):
			waited = true
		}
	}
	all := make([]Outcome, len(steps))
	for range steps {
		o := <-done
		all[o.at] = o
	}
	for i, o := range all {
		o.Waited = *at[i]
		if o.skipped {
			continue
		}
		p.Deadlock = p.Deadlock || o.Code == "40P01" || o.Code == "1213"
		p.Outcomes = append(p.Outcomes, o)
	}
	return p, end(list)
}

// A player is one session, with a goroutine that does its steps one after the other. It ends when todo is closed.
type player struct {
	conn   *sql.Conn
	id     int64
	todo   chan func(*player)
	ended  chan struct{}
	failed bool
}

func (s *Server) player(ctx context.Context, steps int) (*player, error) {
	conn, err := s.DB.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to the scratch server: %w", err)
	}
	ask := "select pg_backend_pid()"
	if s.Kind == InnoDB {
		ask = "select connection_id()"
	}
	p := &player{conn: conn, todo: make(chan func(*player), steps), ended: make(chan struct{})}
	if err := conn.QueryRowContext(ctx, ask).Scan(&p.id); err != nil {
		return nil, errors.Join(fmt.Errorf("ask for the number of a session: %w", err), conn.Close())
	}
	go func() {
		defer close(p.ended)
		for f := range p.todo {
			f(p)
		}
	}()
	return p, nil
}

// do runs one step.
func (p *player) do(ctx context.Context, at int, step Step) Outcome {
	o := Outcome{Step: step, at: at, skipped: p.failed}
	if p.failed {
		return o
	}
	begun := time.Now()
	_, err := p.conn.ExecContext(ctx, step.SQL)
	o.Took = time.Since(begun)
	if err != nil {
		p.failed = true
		o.Code, o.Error = codeOf(err), err.Error()
		_, _ = p.conn.ExecContext(ctx, "ROLLBACK") // the server has rolled back already, or does when the connection ends
	}
	return o
}

// codeOf returns the server's code of an error, "" of one that is not the server's.
func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return strconv.Itoa(int(my.Number))
	}
	return ""
}

// end ends the sessions; those that are nil did not begin.
func end(list []*player) error {
	var err error
	for _, p := range list {
		if p == nil {
			continue
		}
		close(p.todo)
		<-p.ended
		// The connection does not go back to the others: it may be in the middle of a transaction.
		e := p.conn.Raw(func(any) error { return errGone })
		if e != nil && !errors.Is(e, errGone) && !errors.Is(e, sql.ErrConnDone) {
			err = errors.Join(err, e)
		}
		_ = p.conn.Close()
	}
	return err
}

// errGone makes database/sql forget a connection.
var errGone = driver.ErrBadConn
