package source

// A wholeCursor is the cursor of a source that is read in full every time.
type wholeCursor struct {
	Rows     int64      `json:"rows"`
	Query    string     `json:"query,omitempty"` // a hash of its text
	Released remembered `json:"released,omitzero"`
}

// everything is a whole reading of a stream, or of a query's result, and its cursor. Kept tells that the
// rows were there before anybody read them.
func (r *reading) everything(since Cursor, query string, kept bool, read func() error) (Result, error) {
	cursor, ok := decodeCursor[wholeCursor](since)
	ok = ok && cursor.Query == query
	var was remembered
	if ok {
		was = cursor.Released
	}
	m := newMemory(was)
	r.whole(m, kept && !ok)
	if err := read(); err != nil {
		return Result{}, err
	}
	r.result.Unsure = r.result.Unsure || m.unsure()
	var err error
	r.result.Cursor, err = encodeCursor(wholeCursor{r.result.Rows, query, m.remembered()})
	return r.result, err
}

// whole begins a reading of a source that comes as a whole every time. Strange tells that what
// was read before was not this, so that nothing in it is new for certain.
func (r *reading) whole(m *memory, strange bool) {
	r.result.Full = true
	r.again = m.again
	if strange {
		r.fromStart()
		r.again = func(row *Row) bool { return m.again(row) || true }
	}
}
