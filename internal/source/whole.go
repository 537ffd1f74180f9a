package source

// A wholeCursor is the cursor of a source that is read in full every time.
type wholeCursor struct {
	Rows     int64      `json:"rows"`
	Query    string     `json:"query,omitempty"` // a hash of its text
	Released remembered `json:"released,omitzero"`
}

// everything is a whole reading of a stream, or of a query's result, and its cursor. Kept tells that the
// rows were there before anybody read them; what is piped in for the first time is new.
func (r *reading) everything(since Cursor, query string, kept bool, read func() error) (Result, error) {
	cursor, ok := decodeCursor[wholeCursor](since)
	ok = ok && cursor.Query == query
	var was remembered
	if ok {
		was = cursor.Released
	}
	m := newMemory(was)
	r.whole(m, ok, (kept || len(since) > 0) && !ok)
	if err := read(); err != nil {
		return Result{}, err
	}
	next := wholeCursor{r.result.Rows, query, m.remembered()}
	if r.result.Rows == 0 {
		next.Released = was // an export that failed is no reason to forget
	}
	r.result.Unsure = r.result.Unsure || m.old > 0
	var err error
	r.result.Cursor, err = encodeCursor(next)
	return r.result, err
}

// whole begins a reading of a source that comes as a whole every time. Same tells that it came before,
// strange that something else did under its name, so that nothing in it is new for certain.
func (r *reading) whole(m *memory, same, strange bool) {
	r.result.Full, r.result.Whole = true, same
	r.again = m.again
	if strange {
		r.fromStart()
		r.again = func(row *Row) bool { m.again(row); return true }
	}
}
