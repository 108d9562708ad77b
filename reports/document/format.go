package document

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// A Format is one in which documents are written.
type Format string

// The formats. PDF is HTML where no browser is there to print it: see WritePDF.
const (
	HTML     Format = "html"
	PDF      Format = "pdf"
	Markdown Format = "md"
	CSV      Format = "csv"
	XLSX     Format = "xlsx"
	JSON     Format = "json"
)

var formats = []Format{HTML, PDF, Markdown, CSV, XLSX, JSON}

// Formats lists them.
func Formats() []Format { return slices.Clone(formats) }

// FormatNames lists their names.
func FormatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = string(f)
	}
	return names
}

// Known reports whether there is such a format.
func (f Format) Known() bool { return slices.Contains(formats, f) }

// MediaType is the type of a document in the format, for HTTP and mail.
func (f Format) MediaType() string {
	return map[Format]string{
		HTML: "text/html; charset=utf-8", PDF: "application/pdf", Markdown: "text/markdown; charset=utf-8", CSV: "text/csv; charset=utf-8",
		XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", JSON: "application/json",
	}[f]
}

// Write writes the document in a format. PDF asks a browser for it, which ctx ends.
func (d *Document) Write(ctx context.Context, w io.Writer, f Format) error {
	switch f {
	case HTML:
		return d.WriteHTML(w)
	case PDF:
		return d.WritePDF(ctx, w)
	case Markdown:
		return d.WriteMarkdown(w)
	case CSV:
		return d.WriteCSV(w)
	case XLSX:
		return d.WriteXLSX(w)
	case JSON:
		return d.WriteJSON(w)
	}
	return fmt.Errorf("write report: there is no format %q", f)
}
