import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;

import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;

/**
 * One Elasticsearch node on loopback, for as long as its standard input stays open: when whoever started it is gone,
 * however it ended, the node goes too.
 *
 * Usage: Node HOME PORT KEEP. Port 0 takes a free one; the address is written to HOME/logs/http.ports once the node
 * answers. With KEEP "false" HOME is removed at the end.
 */
public class Node {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(args[0]).toAbsolutePath();
        Settings settings = Settings.builder()
            .put("path.home", home.toString())
            .put("path.data", home.resolve("data").toString())
            .put("path.logs", home.resolve("logs").toString())
            .put("cluster.name", "veritail").put("node.name", "node-1").put("node.portsfile", true)
            .put("discovery.type", "single-node")
            .put("http.host", "127.0.0.1").put("http.port", args[1])
            .put("transport.host", "127.0.0.1").put("transport.port", "0")
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("cluster.max_shards_per_node", 10000)
            .build();
        LogConfigurator.configureWithoutConfig(settings);
        var node = new org.elasticsearch.node.Node(new Environment(settings, home.resolve("config")));
        node.start();
        while (System.in.read() >= 0) {
            // nothing is expected; what counts is the end
        }
        node.close();
        if (args[2].equals("false")) {
            remove(home);
        }
        Runtime.getRuntime().halt(0); // close leaves threads behind
    }

    private static void remove(Path home) throws IOException {
        try (var all = Files.walk(home)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(p);
            }
        }
    }
}
