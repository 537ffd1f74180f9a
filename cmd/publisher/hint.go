package main

import (
	"errors"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/internal/history"
	"github.com/revocast/revocast/publish"
	"github.com/revocast/revocast/signer"
	"github.com/revocast/revocast/source"
	"github.com/revocast/revocast/source/postgres"
	"github.com/revocast/revocast/source/sqlite"
	"github.com/revocast/revocast/store"
)

// hints are what to do about the errors of publishing. The first that fits an error counts.
var hints = []struct {
	fits func(error) bool
	hint string
}{
	{is(publish.ErrNotCreated), "check the address, or start a list with --create --issuer ISS --max-token-life 24h"},
	{is(publish.ErrClock), "set the clock that is off; if the other clock was ahead and is right by now, publish once with --clock-was-ahead"},
	{is(publish.ErrUnconditional), "choose a store that has conditional writes, and try it with publisher doctor"},
	{as[*publish.GapError], "bring the missing version back from a mirror or a backup, or wait until it is replicated: readers cannot pass the gap"},
	{isHintAlone, "manifests are never deleted: copy latest.jwt to the name of the missing one, which has the same bytes"},
	{as[*publish.LostError], "check the addresses of store and cache; if the store was restored from an older copy, bring back the versions that it lacks, which readers may have accepted; only if the list was started again on purpose, empty the cache and start the publisher again"},
	{as[*publish.ForkError], "two histories exist, and readers refuse one of them: find out which publisher wrote the other, and run verifier verify"},
	{as[*publish.OtherListError], "check the address: a store prefix holds one list"},
	{as[*publish.RestartedError], "check the address; only if the list was started again on purpose, empty the cache and start the publisher again"},
	{as[*source.BadRowError], "mend the row, or the query that shows it; --skip-bad-rows leaves bad rows out, and lists them"},
	{is(sqlite.ErrNoTable), "publisher revoke makes the table, and --query reads a table of your own"},
	{is(postgres.ErrNoTable), "publisher schema prints the SQL that makes the table, and --query reads a table of your own"},
	{is(signer.ErrUnknownKey), otherKey},
	{is(signer.ErrBadSignature), otherKey},
	{is(signer.ErrMalformed), brokenManifest},
	{is(store.ErrTooLarge), brokenManifest},
	{is(history.ErrGone), lostObject},
	{as[*history.ObjectError], lostObject},
}

const (
	otherKey       = "if the list was published with another key until now, name its public keys with --keys"
	brokenManifest = "a manifest is never replaced, since readers may have accepted it when it was whole: bring it back from a mirror, a backup, or latest.jwt if that is of the same version; only if none has it, delete it and run again"
	lostObject     = "bring it back from a mirror or a backup, or publish with a --cache that knows the list and with --snapshot-every 1"
)

// isHintAlone reports whether the store lost a manifest that the hint is a copy of.
func isHintAlone(err error) bool {
	lost, ok := errors.AsType[*publish.LostError](err)
	return ok && lost.Hint == lost.Version
}

func is(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }

func as[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// hinted adds to an error what to do about it.
func hinted(err error) error {
	for _, h := range hints {
		if err != nil && h.fits(err) {
			return &command.Hinted{Err: err, Hint: h.hint}
		}
	}
	return err
}
