// SPDX-License-Identifier: MIT

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A TLS 1.2 server that echoes and closes when it reads CLOSE, for each SUITE/CURVE on a port of its own. JSSE takes its curves from
 * the property jdk.tls.namedGroups of the whole process, so CURVE must be the same in all.
 *
 * <pre>java TlsServer.java CHAIN KEY SUITE/CURVE...</pre>
 */
final class TlsServer {
    private TlsServer() {}

    static String suite(String name) {
        return "TLS_" + name.replace("-CHACHA20-POLY1305", "-WITH-CHACHA20-POLY1305-SHA256").replace("-AES128-", "-WITH-AES-128-")
                .replace("-AES256-", "-WITH-AES-256-").replace('-', '_');
    }

    static PrivateKey key(String file) throws Exception {
        String text = Files.readString(Path.of(file)).replaceAll("-----[^-]*-----", "");
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Base64.getMimeDecoder().decode(text));
        try {
            return KeyFactory.getInstance("EC").generatePrivate(spec);
        } catch (java.security.spec.InvalidKeySpecException other) {
            return KeyFactory.getInstance("RSA").generatePrivate(spec);
        }
    }

    static SSLContext context(String chain, String key) throws Exception {
        Certificate[] certificates = CertificateFactory.getInstance("X.509")
                .generateCertificates(new ByteArrayInputStream(Files.readAllBytes(Path.of(chain)))).toArray(new Certificate[0]);
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        store.setKeyEntry("server", key(key), new char[0], certificates);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(store, new char[0]);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), null, null);
        return context;
    }

    static void serve(SSLSocket socket) {
        byte[] buf = new byte[4096];
        try (socket) {
            for (int n; (n = socket.getInputStream().read(buf)) > 0 && buf[0] != 'C';) {
                socket.getOutputStream().write(buf, 0, n);
            }
        } catch (java.io.IOException ended) {
            // the test says what was wrong
        }
    }

    static void listen(SSLServerSocket listener) {
        while (true) {
            try {
                SSLSocket socket = (SSLSocket) listener.accept();
                new Thread(() -> serve(socket)).start();
            } catch (java.io.IOException ended) {
                return;
            }
        }
    }

    public static void main(String[] words) throws Exception {
        SSLContext context = context(words[0], words[1]);
        for (int i = 2; i < words.length; i++) {
            SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory()
                    .createServerSocket(0, 50, java.net.InetAddress.getLoopbackAddress());
            SSLParameters parameters = listener.getSSLParameters();
            parameters.setCipherSuites(new String[] {suite(words[i].split("/")[0])});
            parameters.setProtocols(new String[] {"TLSv1.2"});
            parameters.setApplicationProtocols(new String[] {"h2"});
            listener.setSSLParameters(parameters);
            System.out.println("listening on 127.0.0.1:" + listener.getLocalPort());
            new Thread(() -> listen(listener)).start();
        }
    }
}
