package source

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresSource reads the table revocations of a PostgreSQL database, or the result of a query.
type postgresSource struct {
	name, location string
	place          string // the location without its secrets
	skip           bool
	query          *pgUserQuery // nil for the table
	room           int          // for transaction ids in a cursor, in bytes
}

func openPostgres(location, place string, opt Options) (Source, error) {
	query, err := newUserQuery(opt)
	if err != nil {
		return nil, err
	}
	if (opt.Window != 0 || opt.FullEvery != 0) && (query == nil || !query.since) {
		return nil, errors.New("--window and --full-every are for a --query that has the placeholder @since")
	}
	name := opt.Name
	if name == "" {
		name = place
	}
	return &postgresSource{name: name, location: location, place: place, skip: opt.SkipBadRows, query: query, room: maxSeen}, nil
}

func (s *postgresSource) Name() string { return s.name }

func (s *postgresSource) Read(ctx context.Context, since Cursor, visit func(*Row) error) (Result, error) {
	return s.read(ctx, since, nil, visit)
}

func (s *postgresSource) read(ctx context.Context, since Cursor, beside []pgCursor, visit func(*Row) error) (Result, error) {
	conn, err := connectPostgres(ctx, s.location, s.place)
	if err != nil {
		return Result{}, err
	}
	defer closePostgres(ctx, conn)
	r := &reading{ctx: ctx, source: s.place, unit: "row", skip: s.skip, visit: visit, beside: beside}
	if s.query != nil {
		cursor, _ := decodeCursor[pgQueryCursor](since)
		err = r.postgresQuery(conn, s.query, cursor)
	} else {
		cursor, _ := decodeCursor[pgCursor](since)
		err = r.postgresTable(conn, cursor, s.room)
	}
	if err != nil {
		return Result{}, err
	}
	return r.result, nil
}

const (
	connectTimeout = 10 * time.Second // unless connect_timeout says otherwise
	oldestPostgres = 13               // the first with xid8
	postgresForm   = "a PostgreSQL source is postgres://user@host:5432/database, with %-escapes for special characters; a password is best kept out of it, in PGPASSWORD or ~/.pgpass"
)

// postgresPlace is a location without its secrets. What may hold a password in the wrong
// place is refused, in words that do not repeat it.
func postgresPlace(location string) (string, error) {
	u, err := url.Parse(location)
	if err != nil || u.Opaque != "" || strings.Contains(location, "#") || strings.ContainsAny(u.EscapedPath()+u.RawQuery, "@") {
		return "", errors.New(postgresForm)
	}
	if _, has := u.User.Password(); has {
		u.User = url.User(u.User.Username())
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New(postgresForm)
	}
	if values.Has("password") || values.Has("sslpassword") {
		values.Del("password")
		values.Del("sslpassword")
		u.RawQuery = values.Encode()
	}
	return u.String(), nil
}

// connectPostgres connects as libpq would. Whoever listens is told of notifications.
func connectPostgres(ctx context.Context, location, place string, notified ...pgconn.NotificationHandler) (*pgconn.PgConn, error) {
	config, err := pgconn.ParseConfig(location)
	if err != nil {
		// The driver's message repeats the location, so let it be about one without a password.
		if _, err = pgconn.ParseConfig(place); err == nil {
			err = errors.New(postgresForm)
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
	conn, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, &connectError{place, err}
	}
	version := conn.ParameterStatus("server_version")
	digits := strings.IndexFunc(version+" ", func(r rune) bool { return r < '0' || r > '9' })
	if major, err := strconv.Atoi(version[:digits]); err == nil && major < oldestPostgres {
		closePostgres(ctx, conn)
		return nil, fmt.Errorf("%s is PostgreSQL %s, and it takes %d or later", place, version, oldestPostgres)
	}
	return conn, nil
}

// closePostgres ends a connection. A result that is still on its way is not waited for.
func closePostgres(ctx context.Context, conn *pgconn.PgConn) {
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
	// line, many of which say the same.
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
