package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTimeout = 10 * time.Second // unless connect_timeout says otherwise
	oldest         = 13               // the first version with the type xid8
	form           = "a PostgreSQL source is postgres://user@host:5432/database, with %-escapes for special characters; a password is best kept out of it, in PGPASSWORD or ~/.pgpass"
)

// withoutSecrets returns an address without its passwords. The error for an address that may hold a
// password in the wrong place does not repeat it.
func withoutSecrets(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Opaque != "" ||
		strings.Contains(address, "#") || strings.ContainsAny(u.EscapedPath()+u.RawQuery, "@") {
		return "", errors.New(form)
	}
	if _, has := u.User.Password(); has {
		u.User = url.User(u.User.Username())
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New(form)
	}
	if values.Has("password") || values.Has("sslpassword") {
		values.Del("password")
		values.Del("sslpassword")
		u.RawQuery = values.Encode()
	}
	return u.String(), nil
}

// connect connects as libpq would. The handlers are called for notifications.
func connect(ctx context.Context, address, place string, notified ...pgconn.NotificationHandler) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		// The driver's message repeats the address, so parse one without a password.
		if _, err = pgx.ParseConfig(place); err == nil {
			err = errors.New(form)
		}
		return nil, fmt.Errorf("cannot use the source %s: %w", place, err)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "revocast publisher"
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	for _, handler := range notified {
		config.OnNotification = handler
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, &connectError{place, err}
	}
	version := conn.PgConn().ParameterStatus("server_version")
	digits := strings.IndexFunc(version+" ", func(r rune) bool { return r < '0' || r > '9' })
	if major, err := strconv.Atoi(version[:digits]); err == nil && major < oldest {
		disconnect(ctx, conn)
		return nil, fmt.Errorf("%s is PostgreSQL %s; the oldest version supported is %d", place, version, oldest)
	}
	return conn, nil
}

// disconnect ends a connection. It does not wait for a result that is still on its way.
func disconnect(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // nothing depends on it
}

// A connectError is a connection that could not be made.
type connectError struct {
	place string
	err   error
}

func (e *connectError) Error() string {
	// The driver tries every address of a host, with and without TLS, and puts each failure on a
	// line. Many of these say the same.
	err := e.err
	if c, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = c.Unwrap()
	}
	var said []string
	for line := range strings.Lines(err.Error()) {
		line = strings.Join(strings.Fields(line), " ")
		if !slices.ContainsFunc(said, func(s string) bool { return strings.HasSuffix(s, line) }) {
			said = append(said, line)
		}
	}
	return fmt.Sprintf("cannot connect to %s: %s", e.place, strings.Join(said, "; "))
}

func (e *connectError) Unwrap() error { return e.err }

// oneRow returns the only row of a query's result as text. NULL is empty.
func oneRow(ctx context.Context, conn *pgconn.PgConn, query string, params ...[]byte) ([]string, error) {
	result := conn.ExecParams(ctx, query, params, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	if len(result.Rows) != 1 {
		return nil, fmt.Errorf("want an answer of one row, have %d", len(result.Rows))
	}
	row := make([]string, len(result.Rows[0]))
	for i, field := range result.Rows[0] {
		row[i] = string(field)
	}
	return row, nil
}

// exec runs statements that return no rows.
func exec(ctx context.Context, conn *pgconn.PgConn, statements string) error {
	_, err := conn.Exec(ctx, statements).ReadAll()
	return err
}
