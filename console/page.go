package console

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed static templates
var files embed.FS

type pages map[string]*template.Template

// parsePages makes one set of templates per file of templates/, each with the layout and the parts.
func parsePages() (pages, error) {
	base, err := template.New("").Funcs(template.FuncMap{
		"n": number, "count": count, "count64": func(n int, one, many string) string { return count(int64(n), one, many) },
		"add": func(a, b int) int { return a + b }, "percent": percent, "size": size, "lag": lag, "duration": duration, "title": title,
		"alternatives": func(field string) string { return strings.ReplaceAll(field, "|", " or ") },
		"line":         func(s string) string { return oneLine(s, 300) }, "text": visible,
	}).ParseFS(files, "templates/layout.html", "templates/parts.html", "templates/overview-parts.html")
	if err != nil {
		return nil, fmt.Errorf("console: parse templates: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("console: list templates: %w", err)
	}
	p := pages{}
	for _, name := range names {
		t, err := base.Clone()
		if err == nil {
			_, err = t.ParseFS(files, name)
		}
		if err != nil {
			return nil, fmt.Errorf("console: parse %s: %w", name, err)
		}
		p[name[len("templates/"):len(name)-len(".html")]] = t
	}
	return p, nil
}

// A request is what a page needs to know of the one who asks.
type request struct {
	*http.Request
	links
	now    time.Time
	status Status
	scan   *scanning // told of what is read; nil: nobody is
}

// an answer is what a page shows. Code is 200 unless set.
type answer struct {
	Code  int
	Title string
	Live  string // address of the parts that renew themselves; "" for the strip alone
	Body  any
}

// page serves a page: it reads what the page needs, fills the template called name and sends it whole or not at
// all. An error of reading becomes the error page.
func (s *server) page(name string, load func(context.Context, *request) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerIn)
		defer cancel()
		req := &request{Request: r, links: links{r.URL.Query().Get("site")}, now: s.Now().UTC(), status: s.Status()}
		a, err := load(ctx, req)
		s.finish(ctx, w, req, name, a, err)
	}
}

// finish sends the page called name, or the one that says why there is none.
func (s *server) finish(ctx context.Context, w http.ResponseWriter, r *request, name string, a answer, err error) {
	switch {
	case errors.Is(err, errNotFound):
		a, _ = s.notFound(ctx, r)
		name = ""
	case err != nil:
		if r.Context().Err() != nil {
			return // the reader has gone
		}
		s.Log.Error("console: page", "path", r.URL.Path, "err", err)
		a = s.failed(r, err)
		name = "failed"
	}
	if name == "" {
		name = "missing"
	}
	s.send(ctx, w, r, name, a)
}

func (s *server) send(ctx context.Context, w http.ResponseWriter, r *request, page string, a answer) {
	var b bytes.Buffer
	if err := s.pages[page].ExecuteTemplate(&b, page, s.frame(ctx, r, page, a)); err != nil {
		s.Log.Error("console: template", "page", page, "err", err)
		http.Error(w, "This page could not be made; the log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if a.Code != 0 {
		w.WriteHeader(a.Code)
	}
	if _, err := w.Write(visibleBytes(b.Bytes())); err != nil {
		s.Log.Debug("console: send", "path", r.URL.Path, "err", err)
	}
}

// A frame is what the layout shows around a page.
type frame struct {
	Title, Theme, Live string
	Assets             string // stands in the addresses of static files
	Machine, Version   string
	Nav                []navItem
	Sites              []navItem
	Links              []navItem // below the navigation: help
	Themes             []navItem
	Strip              strip
	Body               any
	Home, Keys         string
}

type navItem struct {
	Name, Icon, URL, Count string
	Site                   string
	Current                bool
}

// A strip is the balance at the foot of every page.
type strip struct {
	balance
	At      string
	Site    string
	Sources string // address of the sources
	Keys    string
	Problem string
}

func (s *server) frame(ctx context.Context, r *request, page string, a answer) frame {
	b := sum(r.status.Sources, r.site)
	f := frame{
		Title: a.Title, Theme: theme(r.Request), Live: a.Live, Body: a.Body,
		Machine: s.Site, Version: s.Version, Assets: s.assets,
		Home: r.to("/"), Keys: r.to("/keys"),
		Strip: strip{b, r.status.At.UTC().Format("15:04:05"), r.site, r.to("/sources"), r.to("/keys"), r.status.Problem},
	}
	if f.Live == "" {
		f.Live = r.to("/live/strip")
	}
	if r.site != "" {
		f.Machine = r.site + " site"
	}
	at := func(p string) bool {
		return page == p || p == "findings" && page == "finding" || p == "issues" && strings.HasPrefix(page, "issue") || p == "runbooks" && (page == "runbook" || page == "survey") || p == "rules" && page == "rule" || p == "checks" && page == "check"
	}
	f.Nav = []navItem{
		{Name: "Overview", Icon: "o", URL: r.to("/"), Current: at("overview")},
		{Name: "Findings", Icon: "f", URL: r.to("/findings"), Count: s.waiting(ctx, r), Current: at("findings")},
		{Name: "Search", Icon: "s", URL: r.to("/search"), Current: at("search")},
		{Name: "Sources", Icon: "w", URL: r.to("/sources"), Count: number(int64(b.Files)), Current: at("sources")},
	}
	if s.Make != nil {
		f.Nav = slices.Insert(f.Nav, 3, navItem{Name: "Reports", Icon: "p", URL: r.to("/reports"), Current: at("reports")})
	}
	if s.Checks != nil && s.Records != nil {
		f.Nav = slices.Insert(f.Nav, 3, navItem{Name: "Checks", Icon: "c", URL: r.to("/checks"), Current: at("checks")})
	}
	if s.Records != nil {
		f.Nav = slices.Insert(f.Nav, 3, navItem{Name: "Issues", Icon: "i", URL: r.to("/issues"), Count: s.openIssues(ctx, r), Current: at("issues")})
	}
	if s.Sessions != nil {
		f.Nav = slices.Insert(f.Nav, 3, navItem{Name: "Transactions", Icon: "t", URL: r.to("/transactions"), Current: at("transactions")})
	}
	if s.Rules != nil {
		f.Nav = slices.Insert(f.Nav, len(f.Nav)-1, navItem{Name: "Rules", Icon: "r", URL: r.to("/rules"), Current: at("rules")})
	}
	if s.Try != nil {
		f.Nav = append(f.Nav, navItem{Name: "Playground", Icon: "y", URL: r.to("/playground"), Current: at("playground")})
	}
	if s.help {
		f.Links = append(f.Links, navItem{Name: "Help", URL: r.to("/runbooks"), Current: at("runbooks")})
	}
	if s.Records != nil {
		f.Links = append(f.Links, navItem{Name: "Report a problem", URL: r.to("/problem", "at", seenAt(r)), Current: at("problem")})
	}
	f.Sites = sites(r, page)
	for _, t := range []string{"light", "dark", "system"} {
		q := r.URL.Query()
		q.Set("theme", t)
		current := t == f.Theme || t == "system" && f.Theme == ""
		f.Themes = append(f.Themes, navItem{Name: t, URL: "?" + q.Encode(), Current: current})
	}
	return f
}

// seenAt is the address of the page that the reader sees, for a report of a problem; of the form itself it is the one that it is about.
func seenAt(r *request) string {
	at := r.URL.RequestURI()
	if r.URL.Path == "/problem" {
		at = r.FormValue("at")
	}
	return at[:min(len(at), 2000)]
}

// sites lists this machine and the sites that sources belong to, each leading to the same page of the site; nothing
// where there is only one.
func sites(r *request, page string) []navItem {
	path := map[string]string{"findings": "/findings", "finding": "/findings", "search": "/search", "sources": "/sources", "rules": "/rules", "playground": "/playground", "transactions": "/transactions", "reports": "/reports"}[page]
	if path == "" {
		path = "/"
	}
	names := []string{""}
	for _, s := range r.status.Sources {
		if !slices.Contains(names, s.Site) {
			names = append(names, s.Site)
		}
	}
	if !slices.Contains(names, r.site) {
		names = append(names, r.site)
	}
	if len(names) == 1 {
		return nil
	}
	slices.Sort(names)
	var items []navItem
	for _, n := range names {
		label := n
		if n == "" {
			label = "this machine"
		}
		items = append(items, navItem{Name: label, Site: n, URL: links{n}.to(path), Current: n == r.site})
	}
	return items
}

func ofSite(sources []Source, site string) []Source {
	var of []Source
	for _, s := range sources {
		if s.Site == site {
			of = append(of, s)
		}
	}
	return of
}

// keys answers the list of keys, and the strip alone.
func (s *server) keys(context.Context, *request) (answer, error) {
	return answer{Title: "Keys"}, nil
}
