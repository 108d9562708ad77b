package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// A Mail is a message that is to be sent. About says what it is about; of two mails about the same only the first is taken, so that queueing may
// be repeated.
type Mail struct {
	ID      int64
	About   string
	To      []string // addresses
	Subject string
	Text    string
	Files   []MailFile
	Queued  time.Time
}

// A MailFile is an attachment.
type MailFile struct {
	Name string
	Type string // its media type
	Data []byte
}

// A Delivery is one mail to one address, as it stands.
type Delivery struct {
	Mail    int64     `json:"mail"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Queued  time.Time `json:"queued"`
	Tries   int       `json:"tries"`
	Due     time.Time `json:"due,omitzero"`      // of the next try; zero: there is none
	Sent    time.Time `json:"sent,omitzero"`     // when the server took it
	GaveUp  time.Time `json:"given_up,omitzero"` // when it was not tried again
	Problem string    `json:"problem,omitempty"` // of the last try
}

// What the queue holds at most: messages that wait, and bytes of one message.
const (
	maxWaiting  = 1000
	maxMailSize = 25 << 20
)

// QueueMail puts a mail into the queue, in which it is when QueueMail returns. It reports false for one that was there already.
func (d *DB) QueueMail(ctx context.Context, m Mail) (fresh bool, err error) {
	size := len(m.Text)
	for _, f := range m.Files {
		size += len(f.Data)
	}
	if size > maxMailSize {
		return false, fmt.Errorf("queue a mail: %w", refusef("it has %d MiB; at most %d are sent", size>>20, maxMailSize>>20))
	}
	if len(m.To) == 0 {
		return false, fmt.Errorf("queue a mail: %w", refusef("it is to nobody"))
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		fresh = false
		var waiting int
		if err := tx.QueryRowContext(ctx, "SELECT count(DISTINCT mail) FROM mail_to WHERE due IS NOT NULL").Scan(&waiting); err != nil {
			return err
		}
		if waiting >= maxWaiting {
			return refusef("%d mails wait already; see why none is sent", waiting)
		}
		now := micros(d.now())
		res, err := tx.ExecContext(ctx, "INSERT INTO mail (about, queued, subject, text) VALUES (?,?,?,?) ON CONFLICT (about) DO NOTHING", m.About, now, m.Subject, m.Text)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return err
		}
		for _, to := range m.To {
			if _, err := tx.ExecContext(ctx, "INSERT INTO mail_to (mail, address, tries, due, problem) VALUES (?,?,0,?,'') ON CONFLICT DO NOTHING", id, to, now); err != nil {
				return err
			}
		}
		for i, f := range m.Files {
			if _, err := tx.ExecContext(ctx, "INSERT INTO mail_file (mail, number, name, type, data) VALUES (?,?,?,?,?)", id, i, f.Name, f.Type, f.Data); err != nil {
				return err
			}
		}
		fresh = true
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("queue a mail: %w", err)
	}
	return fresh, nil
}

// NextMail returns the mail that is due first and the address that it is to be sent to. Without one it returns when the next is due, zero
// for never.
func (d *DB) NextMail(ctx context.Context) (m *Mail, to Delivery, next time.Time, err error) {
	var due, queued sql.NullInt64
	var found Mail
	err = d.sql.QueryRowContext(ctx, `SELECT m.id, m.about, m.subject, m.text, m.queued, t.address, t.tries, t.due FROM mail_to t JOIN mail m ON m.id = t.mail
		WHERE t.due IS NOT NULL ORDER BY t.due, m.id, t.address LIMIT 1`).Scan(&found.ID, &found.About, &found.Subject, &found.Text, &queued, &to.To, &to.Tries, &due)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, Delivery{}, time.Time{}, nil
	case err != nil:
		return nil, Delivery{}, time.Time{}, fmt.Errorf("read the mail queue: %w", err)
	case timeOf(due).After(d.now()):
		return nil, Delivery{}, timeOf(due), nil
	}
	found.Queued, found.To = timeOf(queued), []string{to.To}
	to.Mail, to.Subject, to.Queued, to.Due = found.ID, found.Subject, found.Queued, timeOf(due)
	err = each(ctx, d.sql, func(r *sql.Rows) error {
		var f MailFile
		err := r.Scan(&f.Name, &f.Type, &f.Data)
		found.Files = append(found.Files, f)
		return err
	}, "SELECT name, type, data FROM mail_file WHERE mail = ? ORDER BY number", found.ID)
	if err != nil {
		return nil, Delivery{}, time.Time{}, fmt.Errorf("read the files of mail %d: %w", found.ID, err)
	}
	return &found, to, time.Time{}, nil
}

// Tried notes what became of sending a mail to an address: problem "" is sent; else it is tried again at next, or never where that is zero.
func (d *DB) Tried(ctx context.Context, mail int64, to, problem string, next time.Time) error {
	now := micros(d.now())
	var sent, gaveUp sql.NullInt64
	switch {
	case problem == "":
		sent, next = now, time.Time{}
	case next.IsZero():
		gaveUp = now
	}
	err := d.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE mail_to SET tries = tries + 1, due = ?, sent = ?, gave_up = ?, problem = ? WHERE mail = ? AND address = ?", micros(next), sent, gaveUp, problem, mail, to)
		if err != nil {
			return err
		}
		// What is done with needs its files no more; that it was there is kept for a while.
		if _, err = tx.ExecContext(ctx, "DELETE FROM mail_file WHERE mail = ?1 AND NOT EXISTS (SELECT 1 FROM mail_to WHERE mail = ?1 AND due IS NOT NULL)", mail); err != nil {
			return err
		}
		old := micros(d.now().Add(-keepMail))
		const done = "SELECT id FROM mail m WHERE queued < ? AND NOT EXISTS (SELECT 1 FROM mail_to t WHERE t.mail = m.id AND t.due IS NOT NULL)"
		if _, err := tx.ExecContext(ctx, "DELETE FROM mail_to WHERE mail IN ("+done+")", old); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM mail WHERE queued < ? AND NOT EXISTS (SELECT 1 FROM mail_to t WHERE t.mail = mail.id)", old)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what became of mail %d: %w", mail, err)
	}
	return nil
}

// keepMail is how long it is known that a mail was sent.
const keepMail = 90 * 24 * time.Hour

// Deliveries returns the mails of the last time to each of their addresses, those that wait first, then the newest; at most limit.
func (d *DB) Deliveries(ctx context.Context, limit int) ([]Delivery, error) {
	var out []Delivery
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var v Delivery
		var queued, due, sent, gaveUp sql.NullInt64
		err := r.Scan(&v.Mail, &v.To, &v.Subject, &queued, &v.Tries, &due, &sent, &gaveUp, &v.Problem)
		v.Queued, v.Due, v.Sent, v.GaveUp = timeOf(queued), timeOf(due), timeOf(sent), timeOf(gaveUp)
		out = append(out, v)
		return err
	}, `SELECT t.mail, t.address, m.subject, m.queued, t.tries, t.due, t.sent, t.gave_up, t.problem FROM mail_to t JOIN mail m ON m.id = t.mail
		ORDER BY t.due IS NULL, m.id DESC, t.address LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("read the mail queue: %w", err)
	}
	return out, nil
}
