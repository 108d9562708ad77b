package embedded

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// tableFunctions are those that a reader's statement may call: they make rows of their arguments and read nothing.
var tableFunctions = []string{"range", "generate_series", "unnest", "json_each", "json_tree", "regexp_split_to_table"}

// checkSQL refuses what is not one SELECT over the views. It goes by DuckDB's own parser, so that nothing reads
// otherwise here than there.
func checkSQL(c *conn, statement string) error {
	var ast struct {
		Error      bool              `json:"error"`
		Type       string            `json:"error_type"`
		Message    string            `json:"error_message"`
		Statements []json.RawMessage `json:"statements"`
	}
	if strings.IndexByte(statement, 0) >= 0 {
		return &SQLError{"a NUL byte in the statement"}
	}
	var text []byte
	if err := one(c, "SELECT json_serialize_sql($1::VARCHAR)", func(c []cells) { text = slices.Clone(c[0].bytes(0)) }, statement); err != nil {
		return sqlError(err)
	}
	if err := json.Unmarshal(text, &ast); err != nil {
		return fmt.Errorf("read the parsed statement: %w", err)
	}
	switch {
	case ast.Error && ast.Type == "parser":
		return &SQLError{ast.Message}
	case ast.Error: // what it parses and does not write is no SELECT
		return &SQLError{"only SELECT is run: " + ast.Message}
	case len(ast.Statements) != 1:
		return &SQLError{fmt.Sprintf("one SELECT is run at a time, not %d", len(ast.Statements))}
	}
	var tree any
	if err := json.Unmarshal(ast.Statements[0], &tree); err != nil {
		return fmt.Errorf("read the parsed statement: %w", err)
	}
	var own []string                           // names of the statement's own WITH
	visit(tree, func(o map[string]any) error { // no error
		if m, ok := o["cte_map"].(map[string]any); ok {
			entries, _ := m["map"].([]any)
			for _, e := range entries {
				if e, ok := e.(map[string]any); ok {
					own = append(own, strings.ToLower(fmt.Sprint(e["key"])))
				}
			}
		}
		return nil
	})
	for _, name := range own {
		taken := slices.Contains(SQLViews, name)
		if err := one(c, "SELECT count(*) > 0 FROM duckdb_tables() WHERE lower(table_name) = $1", func(c []cells) { taken = taken || c[0].bool(0) }, name); err != nil {
			return err
		}
		if taken {
			return &SQLError{fmt.Sprintf("WITH %s: the name is taken; choose another", name)}
		}
	}
	return visit(tree, func(o map[string]any) error { return checkRef(o, own) })
}

// visit calls f for every object of a parsed statement, until it fails.
func visit(v any, f func(map[string]any) error) error {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if err := visit(x, f); err != nil {
				return err
			}
		}
	case map[string]any:
		if err := f(v); err != nil {
			return err
		}
		for _, x := range v {
			if err := visit(x, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkRef refuses references to anything but the views, the statement's own names and functions that read nothing.
func checkRef(o map[string]any, own []string) error {
	if o["class"] == "PARAMETER" {
		return &SQLError{"a statement has no parameters: write the values"}
	}
	switch o["type"] {
	case "BASE_TABLE":
		name := fmt.Sprint(o["table_name"])
		if o["schema_name"] != "" || o["catalog_name"] != "" || !slices.Contains(append(own, SQLViews...), strings.ToLower(name)) {
			return &SQLError{fmt.Sprintf("there is no table %s; there are %s", name, strings.Join(SQLViews, ", "))}
		}
	case "TABLE_FUNCTION":
		call, _ := o["function"].(map[string]any)
		if name := fmt.Sprint(call["function_name"]); !slices.Contains(tableFunctions, strings.ToLower(name)) || call["schema"] != "" || call["catalog"] != "" {
			return &SQLError{fmt.Sprintf("the function %s makes no table here; %s do", name, strings.Join(tableFunctions, ", "))}
		}
	case "SHOW_REF":
		return &SQLError{"DESCRIBE and SHOW are not run: docs/sql.md lists the columns"}
	}
	return nil
}
