package publish

import (
	"bytes"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/revocast/revocast/internal/pgtest"
	"github.com/revocast/revocast/internal/rows"
	"github.com/revocast/revocast/internal/sourcetest"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/file"
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/source/sqlite"
)

// A place is where the rows of a source are, as its owner sees it.
type place interface {
	// add records one more row.
	add(t testing.TB, row source.Row)
	// show replaces the rows by these, in this order.
	show(t testing.TB, rows []source.Row)
	// back makes a copy of the place, and returns a function that puts the copy there again.
	back(t testing.TB) (restore func())
	// open returns the source of the rows.
	open(t testing.TB) source.Source
}

// columns are those that the rows of the test have.
var columns = []string{"jti", "sid", "sub", "client_id", "kid", "before", "exp", "revoked_at", "reinstate", "reason"}

// cellsOf are the values of the columns; empty stands for none.
func cellsOf(row source.Row) []string {
	cells := make([]string, len(columns))
	for _, c := range rows.Cells(&row) {
		cells[slices.Index(columns, c.Name)] = fmt.Sprint(c.Value)
	}
	return cells
}

func decisionOf(row source.Row) source.Decision {
	d := source.Decision{Claims: map[string]string{}, Reinstate: row.Reinstate, Reason: row.Reason}
	for i, name := range row.Names {
		d.Claims[name] = row.Values[i]
	}
	for at, seconds := range map[*time.Time]int64{&d.Before: row.Before, &d.Exp: row.Exp} {
		if seconds != source.None {
			*at = time.Unix(seconds, 0)
		}
	}
	if row.Moment != source.None {
		d.Moment = time.UnixMilli(row.Moment)
	}
	return d
}

func jsonLines(t testing.TB, all ...source.Row) []byte {
	var b bytes.Buffer
	for _, row := range all {
		line := map[string]any{}
		for _, c := range rows.Cells(&row) {
			line[c.Name] = c.Value
		}
		require.NoError(t, json.NewEncoder(&b).Encode(line))
	}
	return b.Bytes()
}

func csvLines(t testing.TB, all ...source.Row) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for _, row := range all {
		require.NoError(t, w.Write(cellsOf(row)))
	}
	w.Flush()
	return b.Bytes()
}

// rowFile is a file of JSON Lines or CSV.
type rowFile struct{ path string }

func (f *rowFile) encode(t testing.TB, header bool, all ...source.Row) []byte {
	if filepath.Ext(f.path) == ".jsonl" {
		return jsonLines(t, all...)
	}
	lines := csvLines(t, all...)
	if header {
		lines = append([]byte(strings.Join(columns, ",")+"\n"), lines...)
	}
	return lines
}

func (f *rowFile) add(t testing.TB, row source.Row) {
	if filepath.Ext(f.path) == ".jsonl" && row.Moment != source.None {
		require.NoError(t, file.Record(f.path, decisionOf(row)))
		return
	}
	there, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer there.Close()
	info, err := there.Stat()
	require.NoError(t, err)
	_, err = there.Write(f.encode(t, info.Size() == 0, row))
	require.NoError(t, err)
}

func (f *rowFile) show(t testing.TB, rows []source.Row) {
	require.NoError(t, os.WriteFile(f.path, f.encode(t, true, rows...), 0o600))
}

func (f *rowFile) back(t testing.TB) func() {
	data, err := os.ReadFile(f.path)
	require.NoError(t, err)
	return func() { require.NoError(t, os.WriteFile(f.path, data, 0o600)) }
}

func (f *rowFile) open(t testing.TB) source.Source {
	s, err := file.Open(f.path, file.Options{})
	require.NoError(t, err)
	return s
}

// shown is a place of which each reading shows all rows: the pipe of another program, or a source
// that the test brings along.
type shown struct {
	rows []source.Row
	make func(t testing.TB, rows []source.Row) source.Source
}

func (s *shown) add(_ testing.TB, row source.Row)     { s.rows = append(s.rows, row) }
func (s *shown) show(_ testing.TB, rows []source.Row) { s.rows = slices.Clone(rows) }
func (s *shown) open(t testing.TB) source.Source      { return s.make(t, slices.Clone(s.rows)) }
func (s *shown) back(t testing.TB) func() {
	old := slices.Clone(s.rows)
	return func() { s.show(t, old) }
}
func newOwn(name string) *shown {
	return &shown{make: func(_ testing.TB, rows []source.Row) source.Source { return &said{name: name, rows: rows} }}
}

func newPipe() *shown {
	return &shown{make: func(t testing.TB, rows []source.Row) source.Source {
		return file.Stream(bytes.NewReader(jsonLines(t, rows...)), file.Options{})
	}}
}

// liteTable is the table revocations of a SQLite database.
type liteTable struct {
	path string
	made int // how many databases were made at the path
}

func newLiteTable(t testing.TB, path string) *liteTable {
	l := &liteTable{path: path}
	l.show(t, nil)
	return l
}

func (l *liteTable) open(testing.TB) source.Source { return sqlite.Open(l.path, sqlite.Options{}) }

func (l *liteTable) add(t testing.TB, row source.Row) {
	_, err := sqlite.Record(t.Context(), l.path, decisionOf(row))
	require.NoError(t, err)
}

// show makes a new database. Its rows have a reason of their own, as the rows of an import have.
func (l *liteTable) show(t testing.TB, rows []source.Row) {
	l.remove(t)
	l.made++
	// The first recording makes the table.
	l.add(t, say("nobody", noon-1000*minute))
	l.exec(t, `DELETE FROM revocations`, `UPDATE sqlite_sequence SET seq = 0`)
	insertAll(t, l.path, "revocations", rows, fmt.Sprint("import ", l.made))
}

func (l *liteTable) remove(t testing.TB) {
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(l.path + end); err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
	}
}

func (l *liteTable) exec(t testing.TB, statements ...string) { execLite(t, l.path, statements...) }

// housekeeping deletes one row in so many.
func (l *liteTable) housekeeping(t testing.TB, in int) {
	l.exec(t, fmt.Sprintf(`DELETE FROM revocations WHERE abs(random()) %% %d = 0`, in))
}

func (l *liteTable) back(t testing.TB) func() {
	l.exec(t, `PRAGMA wal_checkpoint(TRUNCATE)`)
	data, err := os.ReadFile(l.path)
	require.NoError(t, err)
	return func() {
		l.remove(t)
		require.NoError(t, os.WriteFile(l.path, data, 0o600))
	}
}

func execLite(t testing.TB, path string, statements ...string) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(off)")
	require.NoError(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, s := range statements {
		_, err = db.ExecContext(t.Context(), s)
		require.NoError(t, err, s)
	}
}

// insertAll inserts rows in one transaction, with a reason.
func insertAll(t testing.TB, path, table string, all []source.Row, reason string) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(off)")
	require.NoError(t, err)
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback()
	for _, row := range all {
		row.Reason = reason
		var names, marks []string
		var values []any
		for _, c := range rows.Cells(&row) {
			names, marks = append(names, `"`+c.Name+`"`), append(marks, "?")
			value := c.Value
			if moment, ok := value.(rows.Moment); ok {
				value = float64(moment) / 1000
			}
			values = append(values, value)
		}
		_, err := tx.ExecContext(t.Context(), `INSERT INTO `+table+` (`+strings.Join(names, ",")+`) VALUES (`+strings.Join(marks, ",")+`)`, values...)
		require.NoError(t, err)
	}
	require.NoError(t, tx.Commit())
}

// newLiteQuery is a query on a table of the user's own. Each reading shows all rows.
func newLiteQuery(path string) *shown {
	return &shown{make: func(t testing.TB, rows []source.Row) source.Source {
		execLite(t, path, `DROP TABLE IF EXISTS mine`, `CREATE TABLE mine ("`+strings.Join(columns, `","`)+`")`)
		insertAll(t, path, "mine", rows, "")
		return sqlite.Open(path, sqlite.Options{Query: `SELECT * FROM mine ORDER BY rowid`})
	}}
}

func (l *liteTable) rows(t testing.TB) []source.Row { return rowsOf(t, l) }

// rowsOf are the rows that a table shows.
func rowsOf(t testing.TB, p place) []source.Row {
	all, _, err := sourcetest.Read(t, p.open(t), nil)
	require.NoError(t, err)
	for i := range all {
		all[i].Line, all[i].Reason = 0, ""
	}
	return all
}

// serverTable is the table revocations of a PostgreSQL database.
type serverTable struct {
	server   *pgtest.Server
	database string
	now      []source.Row
}

func newServerTable(server *pgtest.Server, database string) *serverTable {
	return &serverTable{server: server, database: database}
}

func (p *serverTable) url() string { return p.server.URL("postgres", p.database) }

func (p *serverTable) open(t testing.TB) source.Source {
	s, err := postgres.Open(p.url(), postgres.Options{})
	require.NoError(t, err)
	return s
}

func (p *serverTable) add(t testing.TB, row source.Row) {
	_, err := postgres.Record(t.Context(), p.url(), decisionOf(row))
	require.NoError(t, err)
	p.now = append(p.now, row)
}

func (p *serverTable) show(t testing.TB, rows []source.Row) {
	p.server.Exec(t, p.database, append([]string{`DELETE FROM revocations`}, insertions("revocations", rows)...)...)
	p.now = slices.Clone(rows)
}

func (p *serverTable) back(t testing.TB) func() {
	old := slices.Clone(p.now)
	return func() { p.show(t, old) }
}

func (p *serverTable) housekeeping(t testing.TB, in int) {
	p.server.Exec(t, p.database, fmt.Sprintf(`DELETE FROM revocations WHERE random() < 1.0 / %d`, in))
	p.now = p.rows(t)
}

func (p *serverTable) rows(t testing.TB) []source.Row { return rowsOf(t, p) }

// newServerQuery is a query on a table of the user's own in PostgreSQL.
func newServerQuery(t testing.TB, server *pgtest.Server, database string) *shown {
	server.Exec(t, database, `CREATE TABLE mine (n serial, jti text, sid text, sub text, client_id text, kid text, before timestamptz, exp timestamptz, revoked_at timestamptz, reinstate boolean, reason text)`)
	return &shown{make: func(t testing.TB, rows []source.Row) source.Source {
		server.Exec(t, database, append([]string{`DELETE FROM mine`}, insertions("mine", rows)...)...)
		s, err := postgres.Open(server.URL("postgres", database), postgres.Options{Query: `SELECT ` + strings.Join(columns, ", ") + ` FROM mine ORDER BY n`})
		require.NoError(t, err)
		return s
	}}
}

// insertions are statements that insert rows into a table of PostgreSQL.
func insertions(table string, all []source.Row) []string {
	var statements []string
	for _, row := range all {
		var names, values []string
		for _, c := range rows.Cells(&row) {
			value := fmt.Sprintf("'%v'", c.Value)
			switch c.Name {
			case "before", "exp", "revoked_at":
				value = fmt.Sprintf("to_timestamp(%v)", c.Value)
			}
			names, values = append(names, c.Name), append(values, value)
		}
		statements = append(statements, fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, table, strings.Join(names, ", "), strings.Join(values, ", ")))
	}
	return statements
}
