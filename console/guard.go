package console

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// policy allows the console's own files and nothing else: no inline script or style, no other host, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// reportPolicy is for reports, which are one page with its styles and the script inside that checks it: these may be inline,
// and the policy that the page itself carries allows them by their hashes alone. Nothing may be fetched, and what runs is
// of no origin, so that it reads nothing of the console.
const reportPolicy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'; sandbox allow-scripts"

// guard sets the security headers and answers only when it is asked by one of its own names: a page of another site
// that has bound its name to this address (DNS rebinding) gets nothing. Forms are taken of its own pages only: a browser says
// where a request comes from (Sec-Fetch-Site, Origin).
func guard(names []string) func(http.Handler) http.Handler {
	var origin http.CrossOriginProtection
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Content-Security-Policy", policy)
			h.Set("X-Content-Type-Options", "nosniff")
			h.Set("X-Frame-Options", "DENY")
			h.Set("Referrer-Policy", "same-origin")
			h.Set("Cross-Origin-Opener-Policy", "same-origin")
			h.Set("Cross-Origin-Resource-Policy", "same-origin")
			if !ownName(r.Host, names) {
				http.Error(w, "This console does not answer under that name. Add it to the console's host names.", http.StatusMisdirectedRequest)
				return
			}
			switch r.Method {
			case http.MethodGet, http.MethodHead:
			case http.MethodPost:
				if err := origin.Check(r); err != nil {
					http.Error(w, "This form comes from another site.", http.StatusForbidden)
					return
				}
			default:
				h.Set("Allow", "GET, HEAD, POST")
				http.Error(w, "The console only answers GET and forms.", http.StatusMethodNotAllowed)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// ownName reports whether host, as the Host header has it, is localhost, a loopback address or one of names.
func ownName(host string, names []string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, host) }) {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// setTheme answers ?theme=light, dark or system on any page: it keeps the choice in a cookie and leads back to
// the same page.
func setTheme(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		t := q.Get("theme")
		if t == "" {
			next.ServeHTTP(w, r)
			return
		}
		c := &http.Cookie{Name: "theme", Value: t, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600}
		if t != "light" && t != "dark" {
			c.Value, c.MaxAge = "", -1
		}
		http.SetCookie(w, c)
		q.Del("theme")
		// One leading slash only: "//name" would lead to another host.
		u := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, `/\`), RawQuery: q.Encode()}
		http.Redirect(w, r, u.String(), http.StatusSeeOther)
	})
}

// theme returns the reader's choice, "" for what the system says.
func theme(r *http.Request) string {
	if c, err := r.Cookie("theme"); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}
