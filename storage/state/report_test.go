package state

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func issuedOn(day, version int, files ...IssuedFile) Issued {
	from := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
	return Issued{
		Document: "D-" + from.Format(time.DateOnly), Version: version, Report: "daily", Name: "Daily report", Title: "Of shop", From: from, To: from.AddDate(0, 0, 1),
		Made: from.AddDate(0, 0, 1).Add(time.Duration(version) * time.Minute), By: "ann", Files: files,
	}
}

func TestIssuedReportsStayAsTheyWere(t *testing.T) {
	ctx, db := t.Context(), open(t)
	page, book := []byte("<p>page</p>"), bytes.Repeat([]byte("book "), 10000)
	first := issuedOn(23, 1, IssuedFile{Format: "html", Data: page}, IssuedFile{Format: "xlsx", Data: book})
	for _, i := range []Issued{first, issuedOn(23, 2, IssuedFile{Format: "html", Data: []byte("again")}), issuedOn(24, 1, IssuedFile{Format: "html", Data: page})} {
		if next, err := db.NextVersion(ctx, i.Document); err != nil || next != i.Version {
			t.Fatalf("the next version of %s is %d, %v; want %d", i.Document, next, err, i.Version)
		}
		if err := db.KeepReport(ctx, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.KeepReport(ctx, issuedOn(23, 1, IssuedFile{Format: "html", Data: []byte("forged")})); !errors.Is(err, ErrTaken) {
		t.Errorf("a version that is there: %v", err)
	}
	list, err := db.IssuedReports(ctx, IssuedQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, i := range list {
		order = append(order, i.Document)
	}
	if !slices.Equal(order, []string{"D-2026-11-24", "D-2026-11-23", "D-2026-11-23"}) || list[1].Version != 2 {
		t.Errorf("the list is %v", order)
	}
	got, err := db.IssuedReport(ctx, first.Document, 1)
	if err != nil || got.By != "ann" || !got.From.Equal(first.From) || !got.Made.Equal(first.Made) || len(got.Files) != 2 || got.Files[1].Bytes != int64(len(book)) {
		t.Errorf("version 1 is %+v, %v", got, err)
	}
	if data, err := db.IssuedBytes(ctx, got.Files[1].SHA256); err != nil || !bytes.Equal(data, book) {
		t.Errorf("its bytes: %d, %v", len(data), err)
	}
	if last, err := db.IssuedReport(ctx, first.Document, 0); err != nil || last.Version != 2 {
		t.Errorf("the last version is %d, %v", last.Version, err)
	}
	if with, err := db.IssuedWith(ctx, Digest(book)); err != nil || with.Document != first.Document || with.Version != 1 {
		t.Errorf("that with the digest is %+v, %v", with, err)
	}
	for _, err := range []error{
		second(db.IssuedReport(ctx, "D-2026-11-25", 0)), second(db.IssuedReport(ctx, first.Document, 3)), second(db.IssuedBytes(ctx, Digest(nil))), second(db.IssuedWith(ctx, "")),
	} {
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("what there is not: %v", err)
		}
	}
	here, demo := "", "demo"
	for _, tc := range []struct {
		q    IssuedQuery
		want int
	}{{IssuedQuery{Report: "performance"}, 0}, {IssuedQuery{Report: "daily", Limit: 2}, 2}, {IssuedQuery{Offset: 2}, 1}, {IssuedQuery{Site: &here}, 3}, {IssuedQuery{Site: &demo}, 0}} {
		if list, err := db.IssuedReports(ctx, tc.q); err != nil || len(list) != tc.want {
			t.Errorf("%+v: %d, %v", tc.q, len(list), err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBytesThatWereAlteredAreNotGiven(t *testing.T) {
	ctx, db := t.Context(), open(t)
	i := issuedOn(23, 1, IssuedFile{Format: "html", Data: []byte("0.12 %")})
	if err := db.KeepReport(ctx, i); err != nil {
		t.Fatal(err)
	}
	forged, err := pack([]byte("0.01 %"))
	if err != nil {
		t.Fatal(err)
	}
	for name, packed := range map[string][]byte{"other bytes": forged, "no archive": []byte("x"), "half of one": forged[:len(forged)/2]} {
		if _, err := db.sql.ExecContext(ctx, "UPDATE report_file SET packed = ?", packed); err != nil {
			t.Fatal(err)
		}
		if _, err := db.IssuedBytes(ctx, Digest([]byte("0.12 %"))); !errors.Is(err, ErrAltered) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestIssuedReportsAreInACopy(t *testing.T) {
	ctx, db := t.Context(), open(t)
	if err := db.KeepReport(ctx, issuedOn(23, 1, IssuedFile{Format: "html", Data: []byte("page")})); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Snapshot(ctx, path); err != nil {
		t.Fatal(err)
	}
	copied, err := Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if data, err := copied.IssuedBytes(ctx, Digest([]byte("page"))); err != nil || string(data) != "page" {
		t.Errorf("the copy has %q, %v", data, err)
	}
}
