package store

import "io"

// ReadLimited reads what a server sends, for a store that does Get with it: size bytes, or
// with size -1, if the server did not say, up to the end. It gives ErrTooLarge
// as soon as there are more than limit.
func ReadLimited(body io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, ErrTooLarge
	}
	if size >= 0 {
		data := make([]byte, size)
		_, err := io.ReadFull(body, data)
		return data, err
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, ErrTooLarge
	}
	return data, err
}
