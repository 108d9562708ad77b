// Package access says who may see what: a View is the part of the store that one reader sees, and every read of a
// store takes one. Roles and privacy are conditions in the query language that a View adds to each query.
package access

import "github.com/saypro/veritail/storage/query"

// A View is what a reader may see. Its zero value sees nothing.
type View struct {
	all   bool
	where query.Expr
}

// All sees everything.
func All() View { return View{all: true} }

// Where narrows the view to the events that also match e.
func (v View) Where(e query.Expr) View {
	if v.where != nil {
		e = query.And{v.where, e}
	}
	v.where = e
	return v
}

// Filter returns the condition that every query of the view's holder is narrowed by: nil where there is none, and
// an empty query.Or, which never holds, for the zero View.
func (v View) Filter() query.Expr {
	if !v.all {
		return query.Or{}
	}
	return v.where
}

// None reports whether the view sees nothing at all.
func (v View) None() bool { return !v.all }
