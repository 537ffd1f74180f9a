package main

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/revocast/revocast/source"
)

const issuer = "https://issuer.example"

// world is where the rows come from: row i is always the same one.
type world struct {
	now int64 // of the first publication
}

func id(kind byte, i uint64) string {
	a, b := mix(i), mix(i^uint64(kind)<<56)
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&(1<<48-1))
}

// of a hundred rows one revokes a session, one a user, and the others a token.
func kind(i uint64) string {
	switch i % 100 {
	case 1:
		return "sid"
	case 2:
		return "sub"
	}
	return "jti"
}

func (w world) line(i uint64) string {
	name, at := kind(i), w.moment(i)
	if name == "sub" {
		return fmt.Sprintf(`{"sub":"%s","before":%d,"exp":%d,"revoked_at":%d.%03d}`+"\n", id('u', i), w.now, w.exp(i), at/1000, at%1000)
	}
	return fmt.Sprintf(`{"%s":"%s","exp":%d,"revoked_at":%d.%03d}`+"\n", name, id(name[0], i), w.exp(i), at/1000, at%1000)
}

// moment is when a row was decided, in milliseconds: within the last 30 days.
func (w world) moment(i uint64) int64 {
	return 1000*w.now - int64(mix(^i)%(30*24*3600*1000))
}

// exp is spread over the 24 hours from the third on, so that nothing expires while this runs.
func (w world) exp(i uint64) int64 { return w.now + 7200 + int64(mix(i)%(24*3600)) }

// write makes a file of the rows from one to another.
func (w world) write(path string, from, to uint64) {
	f, err := os.Create(path)
	check(err)
	out := bufio.NewWriterSize(f, 1<<20)
	for i := from; i < to; i++ {
		_, err := out.WriteString(w.line(i))
		check(err)
	}
	check(out.Flush())
	check(f.Close())
}

// rows are the rows from one to another as a source, without a file.
type rows struct {
	world
	from, to uint64
}

func (r rows) String() string { return "rows" }

func (r rows) Watch(context.Context, func(), func(string)) {}

func (r rows) Read(_ context.Context, _ source.Cursor, visit func(*source.Row) error) (source.Result, error) {
	for i := r.from; i < r.to; i++ {
		row := source.Row{Before: source.None, Exp: r.exp(i), Moment: r.moment(i), Line: int64(i)}
		name := kind(i)
		row.Names, row.Values = []string{name}, []string{id(name[0], i)}
		if name == "sub" {
			row.Values[0], row.Before = id('u', i), r.now
		}
		if err := visit(&row); err != nil {
			return source.Result{}, err
		}
	}
	return source.Result{Cursor: source.Cursor(fmt.Sprint(r.to)), Rows: int64(r.to - r.from)}, nil
}

// claims are those of a token that the row i revokes, or, if it is not
// published, of one that is good.
func (w world) claims(i uint64) map[string]any {
	return map[string]any{
		"iss": issuer, "iat": float64(w.now - 60), "exp": float64(w.now + 3600),
		"jti": id('j', i), "sid": id('s', i), "sub": id('u', i),
	}
}
