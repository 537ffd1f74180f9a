package postgres_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/postgres"
)

// A service changes a password, and in the same transaction revokes all tokens of the user that were
// issued before. Either both are committed or neither is.
func ExampleInsert() {
	changePassword := func(ctx context.Context, db *pgx.Conn, user string, hash []byte) error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE users SET password = $2 WHERE name = $1`, user, hash); err != nil {
				return err
			}
			now := time.Now()
			return postgres.Insert(ctx, tx, source.Decision{
				Claims: map[string]string{"sub": user},
				Before: now,
				Exp:    now.Add(24 * time.Hour), // no token lives longer
				Reason: "changed password",
			})
		})
	}
	_ = changePassword
}

func ExampleRecord() {
	id, err := postgres.Record(context.Background(), "postgres://auth_service@localhost/auth", source.Decision{
		Claims: map[string]string{"sid": "08a5019c"},
		Exp:    time.Now().Add(time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("recorded as row", id)
}

func ExampleOpen() {
	sessions, err := postgres.Open("postgres://revocast@localhost/auth", postgres.Options{
		Query: `SELECT id AS sid, expires AS exp, ended AS revoked_at FROM sessions WHERE ended >= @since ORDER BY ended`,
	})
	if err != nil {
		log.Fatal(err)
	}
	result, err := sessions.Read(context.Background(), nil, func(row *source.Row) error {
		fmt.Println("ended:", row.Values[0])
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result.Rows, "sessions")
}
