package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/revocast/revocast/crl"
	"github.com/revocast/revocast/internal/rows"
)

// createTable makes the table revocations. The table refuses at the INSERT the rows that reading
// would refuse. Its constraints have reasons for names, because SQLite shows the names. In two ways
// it is stricter than reading: a time is a number, and reinstate is 0 or 1. In one way it is laxer:
// it takes text that is not UTF-8, which SQL does not recognize.
//
// Without AUTOINCREMENT SQLite would use the id of a deleted last row again. ON CONFLICT REPLACE
// puts the default in the place of NULL. Old versions of SQLite have no unixepoch with
// milliseconds.
func createTable(ctx context.Context, tx *sql.Tx) error {
	var claims []string
	for _, name := range []string{"jti", "sid", "sub", "client_id", crl.KeyIDClaim} {
		claims = append(claims, limitedText(name)+",")
	}
	_, err := tx.ExecContext(ctx, `CREATE TABLE revocations (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	`+strings.Join(claims, "\n\t")+`
	"before" INTEGER CONSTRAINT "before is in Unix seconds, from 2000 to 9999" CHECK ("before" > 946684799 AND "before" <= 253402300799),
	exp INTEGER CONSTRAINT "exp is in Unix seconds, from 2000 to 9999" CHECK (exp > 946684799 AND exp <= 253402300799),
	revoked_at REAL NOT NULL ON CONFLICT REPLACE DEFAULT (round((julianday('now') - 2440587.5) * 86400, 3))
		CONSTRAINT "revoked_at is in Unix seconds, from 2000 to 9999" CHECK (revoked_at >= 946684800 AND revoked_at <= 253402300799),
	reason TEXT CONSTRAINT "reason is text" CHECK (typeof(reason) <> 'blob'),
	reinstate INTEGER NOT NULL ON CONFLICT REPLACE DEFAULT 0 CONSTRAINT "reinstate is 0 or 1" CHECK (reinstate IN (0, 1)),
	`+limitedText("iss")+`,
	CONSTRAINT "no key has an empty id" CHECK (kid <> '')
);
CREATE TRIGGER revocations_no_update BEFORE UPDATE ON revocations BEGIN
	SELECT RAISE(ABORT, 'rows of revocations are not updated, because no reading would notice; insert a row instead');
END;
CREATE TRIGGER revocations_no_old_id AFTER INSERT ON revocations
WHEN NEW.id NOT BETWEEN 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0) AND 1000000000 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'revocations'), 0) BEGIN
	SELECT RAISE(ABORT, 'a row of revocations takes the next id, because a reading would not notice an older one, and the ids would run out; leave the id out');
END;
`+claimsTrigger([]string{"jti", "sid", "sub", "client_id", crl.KeyIDClaim}))
	return err
}

// limitedText defines a column of text that is as long as a claim may be.
func limitedText(name string) string {
	return fmt.Sprintf(`%[1]s TEXT CONSTRAINT %[2]s CHECK (typeof(%[1]s) <> 'blob' AND length(CAST(%[1]s AS BLOB)) <= %[3]d)`,
		rows.QuoteIdentifier(name), rows.QuoteIdentifier(fmt.Sprintf("%s is text of at most %d bytes", name, crl.MaxClaimLength)), crl.MaxClaimLength)
}

// claimsTrigger defines the trigger that counts the claims of a row in a table of the given
// columns. A CHECK of the table cannot do so, because it cannot know columns that are added later.
func claimsTrigger(columns []string) string {
	var b rows.Builder
	b.Start(0)
	var given []string
	for _, name := range columns {
		if !strings.EqualFold(name, "id") && b.Column(name).IsClaim() {
			given = append(given, "(NEW."+rows.QuoteIdentifier(name)+" IS NOT NULL)")
		}
	}
	count := strings.Join(given, " + ")
	return fmt.Sprintf(`CREATE TRIGGER revocations_claims BEFORE INSERT ON revocations BEGIN
	SELECT RAISE(ABORT, 'a row that names no claim needs "before"; without it every token of the issuer would be revoked for ever')
	WHERE %s = 0 AND NEW."before" IS NULL AND NEW.reinstate IS NOT 1;
	SELECT RAISE(ABORT, 'the row has more than %d claims') WHERE %s > %d;
END`, count, crl.MaxRuleClaims, count, crl.MaxRuleClaims)
}

// updateClaimsTrigger replaces the trigger if it lacks a column of the table. A table that was made
// by hand has no such trigger and gets none.
func updateClaimsTrigger(ctx context.Context, tx *sql.Tx, columns []string) error {
	var have string
	err := tx.QueryRowContext(ctx, `SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = 'revocations_claims'`).Scan(&have)
	want := claimsTrigger(columns)
	if errors.Is(err, sql.ErrNoRows) || err == nil && have == want {
		return nil
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `DROP TRIGGER revocations_claims; `+want)
	}
	return err
}

// ErrNoTable means that a database has no table revocations. [Record] makes one, and a query reads
// another table.
var ErrNoTable = errors.New("there is no table revocations")

// checkTable returns an error if the database has no table revocations whose rows have ids of their
// own. The error names the source, and wraps ErrNoTable if there is no such table at all. refuses
// reports whether the table refuses old ids, as the one that Record makes. Only then can new rows be
// told from old ones.
func checkTable(ctx context.Context, tx *sql.Tx, place string) (refuses bool, err error) {
	cannot := func(err error) (bool, error) { return false, fmt.Errorf("cannot use the source %s: %w", place, err) }
	var ddl string
	err = tx.QueryRowContext(ctx, `SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = 'revocations'`).Scan(&ddl)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNoTable
	}
	if err != nil {
		return cannot(err)
	}
	var keys int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM pragma_table_info('revocations') WHERE name = 'id' AND pk = 1 AND upper(type) = 'INTEGER'`).Scan(&keys)
	if err != nil {
		return cannot(err)
	}
	if keys == 0 || !strings.Contains(strings.ToUpper(ddl), "AUTOINCREMENT") {
		return cannot(errors.New("its table revocations has no column id INTEGER PRIMARY KEY AUTOINCREMENT, so new rows cannot be told from old ones; read it with a query"))
	}
	var triggers int
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name = 'revocations_no_old_id'`).Scan(&triggers)
	if err != nil {
		return cannot(err)
	}
	return triggers == 1, nil
}

// columnNames returns the names of the columns of the table revocations.
func columnNames(ctx context.Context, tx *sql.Tx) ([]string, error) {
	result, err := tx.QueryContext(ctx, `SELECT name FROM pragma_table_info('revocations')`)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	var names []string
	for result.Next() {
		var name string
		if err := result.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, result.Err()
}
