package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/revocast/revocast/internal/command"
	"github.com/revocast/revocast/publish"
)

type publishes struct {
	Store  string   `required:"" placeholder:"STORE" help:"Where the list lies: a directory, file:///… or s3://bucket/prefix?endpoint=…&region=…"`
	Source string   `required:"" placeholder:"SOURCE" help:"Where revocations come from: rows.jsonl, rows.csv, sqlite:path.db, postgres://user@host/database, or - for JSON Lines on standard input."`
	Key    string   `required:"" placeholder:"signing.jwk" help:"The private key to sign with."`
	Keys   []string `placeholder:"old.pub.jwks" help:"Public keys that may have signed the list until now, besides the one of --key. Needed once, when the key is replaced."`

	Create       bool   `help:"Start a new list if the store holds none. Without it a wrong address is an error."`
	Issuer       string `placeholder:"ISS" help:"The iss of the tokens, for --create."`
	MaxTokenLife span   `placeholder:"24h" help:"The longest time from iat to exp of any token, for --create."`
	MaxAuthAge   *limit `placeholder:"720h" help:"Refuse tokens of logins longer ago than this, from now on. 0s ends it."`

	ClockWasAhead bool   `help:"Issue this version before the last one, whose clock was ahead. Once, when publish asks for it."`
	ValidFor      span   `default:"1h" help:"How long this version is good; publish again before that."`
	Every         span   `placeholder:"30s" help:"Keep running, and publish at this interval; with PostgreSQL also as soon as a row is committed."`
	SnapshotEvery int    `placeholder:"N" help:"Make a snapshot after N versions with changes, instead of when it pays."`
	Cache         string `placeholder:"DIR" help:"Keep the last list and ledger here, to read less of the store, and to notice if the store was set back to an older copy."`

	Query       string `placeholder:"SELECT…" help:"With SQL, the rows: columns as in the table revocations. With PostgreSQL @since in it stands for the last reading, less --window."`
	Window      span   `placeholder:"1h" help:"For @since: how much older than its commit the timestamp of a row may be; any older, and the row waits for the next full pass. By default 1h."`
	FullEvery   span   `placeholder:"24h" help:"How often there is a full pass, in which @since is -infinity; by default 24h."`
	SourceName  string `placeholder:"NAME" help:"What the ledger calls the source, the same in every run; by default a hash of SOURCE. Under another name all of it is read again."`
	SkipBadRows bool   `help:"List and count bad rows, and go on. Record a skipped row of a file or a table again, as a new one."`
	WithReasons bool   `help:"Keep the reasons of rows in the ledger, for auditors who may read it."`
}

func (publishes) Help() string {
	return `Examples:

    publisher publish --store ./list --source sqlite:revocations.db --key signing.jwk --create --issuer https://issuer.example --max-token-life 24h
    publisher publish --store s3://bucket/list --source sqlite:revocations.db --key signing.jwk
    publisher publish --store s3://bucket/list --source postgres://revocast@db/auth --source-name auth --key signing.jwk --every 30s --valid-for 5m

A row is a decision, and for the same claims the latest decision wins. So rows that are missing, or come again, change nothing; only "reinstate" and expiry release. If nothing changed, a small manifest is published that says so: it keeps the list fresh.`
}

func (c *publishes) Run(env *command.Env) error {
	cfg, err := c.config(env)
	if err != nil {
		return err
	}
	show := &display{env: env}
	cfg.Step = show.step
	if c.Every > 0 {
		return c.keepRunning(env, cfg, show)
	}
	result, err := publish.Run(env.Context, cfg)
	show.stop()
	if result == nil {
		return hinted(err)
	}
	c.report(env, result, err)
	if err != nil {
		// The version is out, and the exit code is 2 all the same. Cron and its kind look at
		// nothing else, and a store that never again takes the hint, for want of a right
		// to overwrite it, makes every reader probe farther with every version.
		env.Warn("publisher: %v; readers find it all the same, and the next run writes the hint: see that it can", err)
		return command.ErrTold
	}
	return nil
}

// keepRunning publishes until it is told to stop, which is no failure.
func (c *publishes) keepRunning(env *command.Env, cfg publish.Config, show *display) error {
	every := time.Duration(c.Every)
	err := publish.Every(env.Context, cfg, every, func(result *publish.Result, err error) {
		show.stop()
		err = hinted(err)
		switch {
		case result != nil:
			c.report(env, result, err)
		case err != nil:
			env.PrintError(err)
		}
		if err != nil {
			env.Warn("publisher: %v; trying again in %s", err, every)
			env.WarnHint(err)
		}
	})
	show.stop()
	return err
}

func (c *publishes) config(env *command.Env) (publish.Config, error) {
	cfg := publish.Config{
		Create: c.Create, Issuer: c.Issuer, MaxTokenLife: time.Duration(c.MaxTokenLife), MaxAuthAge: (*time.Duration)(c.MaxAuthAge),
		ValidFor: time.Duration(c.ValidFor), SnapshotEvery: c.SnapshotEvery, ClockWasAhead: c.ClockWasAhead, Now: env.Now, Rand: env.Rand,
		SourceName: c.SourceName, WithReasons: c.WithReasons,
	}
	err := c.check()
	if err != nil {
		return cfg, err
	}
	if cfg.Key, err = env.PrivateKey(c.Key); err != nil {
		return cfg, err
	}
	if cfg.Trusted, err = command.KeySet(c.Keys...); err != nil {
		return cfg, err
	}
	if cfg.Source, err = openSource(c.Source, sourceOptions{
		Query: c.Query, Window: time.Duration(c.Window), FullEvery: time.Duration(c.FullEvery),
		SkipBadRows: c.SkipBadRows, Stdin: env.Stdin,
	}); err != nil {
		return cfg, err
	}
	if cfg.Store, err = command.OpenStore(env.Context, c.Store); err != nil {
		return cfg, err
	}
	if c.Cache != "" {
		cfg.Cache, err = command.OpenCache(env.Context, c.Cache, cfg.Store)
	}
	return cfg, err
}

// check refuses what can be seen to be wrong in the flags alone.
func (c *publishes) check() error {
	valid, every := time.Duration(c.ValidFor), time.Duration(c.Every)
	switch {
	case valid < time.Second:
		return fmt.Errorf("--valid-for %s is too short: it takes at least 1s", valid)
	case c.SnapshotEvery < 0:
		return fmt.Errorf("--snapshot-every %d is negative: give it 1 or more versions, or leave it out", c.SnapshotEvery)
	case every > 0 && valid <= every:
		return fmt.Errorf("with --every %s and --valid-for %s the list would be stale before the next version comes; let it be valid for several intervals", every, valid)
	case every > 0 && c.Source == "-":
		return errors.New("standard input can be read once only, so --every needs another source")
	}
	if err := wholeSeconds("max-token-life", time.Duration(c.MaxTokenLife)); err != nil {
		return err
	}
	if c.MaxAuthAge != nil {
		return wholeSeconds("max-auth-age", time.Duration(*c.MaxAuthAge))
	}
	return nil
}
