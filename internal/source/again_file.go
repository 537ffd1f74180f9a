package source

// A fileMemory tells reinstatements of a file that were there once from new ones. Whenever
// they were decided, what is appended is new, unless somebody copies back what he removed, which is
// known of the last few. If there were more, none of a file that was rewritten is new for certain.
type fileMemory struct {
	*memory
	grew  bool     // only what was appended is read
	there []uint32 // if so, those in front of it
}

func newFileMemory(was remembered, grew bool) *fileMemory {
	m := &fileMemory{memory: newMemory(was), grew: grew}
	if grew {
		shorts := was.shorts()
		m.there = shorts[min(max(was.Gone, 0), len(shorts)):]
		for _, short := range m.there {
			m.left[short]--
		}
	}
	return m
}

// again tells whether a row may be a reinstatement that was there once.
func (m *fileMemory) again(row *Row) bool {
	if !row.Reinstate {
		return false
	}
	listed := m.listed(m.note(row))
	if !listed && (m.grew || !m.was.Over) {
		return false
	}
	m.old++
	return true
}

// remembered is what was ever read of the file: also what is not there any more.
func (m *fileMemory) remembered() remembered {
	var gone []uint32
	for _, short := range m.was.shorts() {
		if m.left[short] > 0 {
			m.left[short]--
			gone = append(gone, short)
		}
	}
	all := append(append(gone, m.there...), m.short...)
	r := remembered{N: int64(len(all)), Last: lastOf(all)}
	r.Gone = max(0, len(gone)-max(0, len(all)-maxRemembered))
	r.Over = m.was.Over || len(all) > maxRemembered
	return r
}
