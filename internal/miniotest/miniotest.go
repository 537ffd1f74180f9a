// Package miniotest runs a real MinIO server for tests.
package miniotest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// The credentials of every server that is started here.
const (
	AccessKey = "revocast"
	SecretKey = "revocast-secret"
)

// A Server is a running MinIO. It ends with the test.
type Server struct {
	Endpoint string // http://127.0.0.1:PORT
	Client   *minio.Client
	buckets  atomic.Int64
}

// Start starts a server on an empty directory, and sets the AWS_* variables of the test to
// its credentials. The program is $REVOCAST_MINIO, or minio in the PATH or
// in Go's bin directory. Without it the test is skipped, or fails if CI=true.
func Start(t testing.TB) *Server {
	t.Helper()
	program := find()
	if program == "" {
		const missing = "there is no minio here; make minio builds it, and REVOCAST_MINIO says where it is"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", SecretKey)
	t.Setenv("AWS_REGION", "us-east-1")
	// A port that is free now may be taken a moment later, so a second try is allowed.
	var err error
	for range 3 {
		var s *Server
		if s, err = start(t, program); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func find() string {
	if path := os.Getenv("REVOCAST_MINIO"); path != "" {
		return path
	}
	if path, err := exec.LookPath("minio"); err == nil {
		return path
	}
	out, err := exec.Command("go", "env", "GOPATH").Output()
	if err != nil {
		return ""
	}
	path := filepath.Join(strings.TrimSpace(string(out)), "bin", "minio")
	if _, err := os.Stat(path); err != nil {
		return ""
	}
	return path
}

func start(t testing.TB, program string) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	cmd := exec.Command(program, "server", t.TempDir(), "--address", address, "--quiet")
	cmd.Env = append(os.Environ(), "MINIO_ROOT_USER="+AccessKey, "MINIO_ROOT_PASSWORD="+SecretKey, "MINIO_BROWSER=off")
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("minio did not start: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	s := &Server{Endpoint: "http://" + address}
	if s.Client, err = minio.New(address, &minio.Options{Creds: credentials.NewStaticV4(AccessKey, SecretKey, ""), Region: "us-east-1"}); err != nil {
		return nil, err
	}
	deadline := time.After(time.Minute)
	for {
		if resp, err := http.Get(s.Endpoint + "/minio/health/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return s, nil
			}
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("minio ended: %s", log.String())
		case <-deadline:
			return nil, fmt.Errorf("minio did not get ready within a minute")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Bucket makes an empty bucket and gives its name.
func (s *Server) Bucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", s.buckets.Add(1))
	if err := s.Client.MakeBucket(context.Background(), name, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return name
}

// Address is the STORE address of a prefix in a new bucket.
func (s *Server) Address(t testing.TB) string {
	t.Helper()
	return fmt.Sprintf("s3://%s/some/list?endpoint=%s", s.Bucket(t), s.Endpoint)
}

// Public makes a bucket that everybody may read and list, and gives its name.
func (s *Server) Public(t testing.TB) string {
	t.Helper()
	name := s.Bucket(t)
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::` + name + `","arn:aws:s3:::` + name + `/*"]}]}`
	if err := s.Client.SetBucketPolicy(context.Background(), name, policy); err != nil {
		t.Fatal(err)
	}
	return name
}
