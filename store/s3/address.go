package s3

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/revocast/revocast/store"
)

const awsEndpoint = "https://s3.amazonaws.com"

// retries is how often minio-go repeats a request that failed on the way. A
// publisher or a follower comes again anyway.
const retries = 3

func open(address string) (*bucket, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the store's address is not a URL; it looks like s3://bucket/prefix?endpoint=http://127.0.0.1:9000&region=eu-central-1")
	}
	if u.Scheme != "s3" || u.Host == "" {
		return nil, errors.New("the address of a bucket looks like s3://bucket/prefix")
	}
	if u.User != nil {
		return nil, errors.New("credentials do not belong into the address of a bucket: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query of s3://%s%s cannot be read: %w", u.Host, u.Path, err)
	}
	for name := range query {
		if name != "endpoint" && name != "region" {
			return nil, fmt.Errorf("s3://%s%s has the parameter %q, and only endpoint and region are known", u.Host, u.Path, name)
		}
	}
	b := &bucket{name: u.Host, address: "s3://" + u.Host + strings.TrimSuffix(u.Path, "/"), silence: store.Patience(0)}
	if b.prefix = strings.Trim(u.Path, "/"); b.prefix != "" {
		if err := store.CheckName(b.prefix); err != nil {
			return nil, fmt.Errorf("the prefix of %s: %w", b.address, err)
		}
		b.prefix += "/"
	}
	endpoint, err := parseEndpoint(query.Get("endpoint"))
	if err != nil {
		return nil, fmt.Errorf("the endpoint of %s: %w", b.address, err)
	}
	atAWS := strings.HasSuffix(endpoint.Hostname(), ".amazonaws.com")
	if query.Has("endpoint") {
		b.address += "?endpoint=" + endpoint.Scheme + "://" + endpoint.Host
	}
	region := cmp.Or(query.Get("region"), os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	if region == "" && !atAWS {
		region = "us-east-1" // what servers of one region take for theirs
	}
	secure := endpoint.Scheme == "https"
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", b.address, err)
	}
	b.core, err = minio.NewCore(endpoint.Host, &minio.Options{
		Creds: chain(atAWS), Secure: secure, Region: region, MaxRetries: retries, Transport: pages{transport},
	})
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used: %w", b.address, err)
	}
	return b, nil
}

func parseEndpoint(endpoint string) (*url.URL, error) {
	u, err := url.Parse(cmp.Or(endpoint, awsEndpoint))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("it must look like https://s3.example.com, with no path and no password")
	}
	return u, nil
}

// chain is where credentials are looked for. The machine's role is asked for at
// AWS only: elsewhere nobody answers, and that takes seconds.
func chain(atAWS bool) *credentials.Credentials {
	providers := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	if atAWS {
		providers = append(providers, &credentials.IAM{})
	}
	return credentials.NewChainCredentials(providers)
}
