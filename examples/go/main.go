// An orchestrator in one file: it stores a Secret, mounts it as a volume, follows the volume while the Secret changes, and
// unmounts it.
//
// The stubs are generated from Lantern's protos, not committed:
//
//	protoc -I ../../proto --go_out=. --go-grpc_out=. --go_opt=module=example.com/orchestrator \
//	  --go-grpc_opt=module=example.com/orchestrator \
//	  --go_opt=Mlantern/v1/projector.proto=example.com/orchestrator/lantern \
//	  --go_opt=Mlantern/v1/objects.proto=example.com/orchestrator/lantern \
//	  --go-grpc_opt=Mlantern/v1/projector.proto=example.com/orchestrator/lantern \
//	  --go-grpc_opt=Mlantern/v1/objects.proto=example.com/orchestrator/lantern \
//	  lantern/v1/projector.proto lantern/v1/objects.proto
//	go run . /run/lantern/lantern.sock /run/example
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"example.com/orchestrator/lantern"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatalf("usage: %s SOCKET DIRECTORY", os.Args[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, socket, directory string) error {
	// Lantern refuses a socket path as :authority.
	connection, err := grpc.NewClient("unix:"+socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority("localhost"))
	if err != nil {
		return err
	}
	defer connection.Close()
	objects, projector := lantern.NewObjectsClient(connection), lantern.NewProjectorClient(connection)

	if err := apply(ctx, objects, "first"); err != nil {
		return err
	}
	target := filepath.Join(directory, "secrets")
	mode := int32(0o400)
	secret := &lantern.SecretSource{SecretName: "db", DefaultMode: &mode}
	source := &lantern.VolumeSource{Source: &lantern.VolumeSource_Secret{Secret: secret}}
	// Mount can be repeated: the second call with this id and target finds the volume up to date, or refreshes it.
	_, err = projector.Mount(ctx, &lantern.MountRequest{
		VolumeId:   "example-go",
		TargetPath: target,
		Definition: &lantern.VolumeDefinition{Definition: &lantern.VolumeDefinition_Source{Source: source}},
	})
	if err != nil {
		return err
	}
	// An empty target stands for all of the volume's. Unmount can be repeated too.
	defer projector.Unmount(context.WithoutCancel(ctx), &lantern.UnmountRequest{VolumeId: "example-go"})
	if err := show(target); err != nil {
		return err
	}

	events, err := projector.WatchVolumes(ctx, &lantern.WatchVolumesRequest{VolumeId: "example-go", IncludeExisting: true})
	if err != nil {
		return err
	}
	for {
		event, err := events.Recv()
		if err != nil {
			return err
		}
		fmt.Println("event:", event.Type)
		switch event.Type {
		case lantern.VolumeEvent_MOUNTED:
			// The watch is established, so the change below is not missed.
			if err := apply(ctx, objects, "second"); err != nil {
				return err
			}
		case lantern.VolumeEvent_UPDATED:
			return show(target)
		case lantern.VolumeEvent_FAILED:
			return fmt.Errorf("%s: %s", event.Reason, event.Message)
		}
	}
}

func apply(ctx context.Context, objects lantern.ObjectsClient, password string) error {
	_, err := objects.Apply(ctx, &lantern.ApplyRequest{Object: &lantern.Object{
		Metadata: &lantern.ObjectMeta{Name: "db"},
		Body:     &lantern.Object_Secret{Secret: &lantern.Secret{Data: map[string][]byte{"password": []byte(password)}}},
	}})
	return err
}

func show(target string) error {
	password, err := os.ReadFile(filepath.Join(target, "password"))
	if err == nil {
		fmt.Printf("password: %s\n", password)
	}
	return err
}
