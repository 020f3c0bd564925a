// SPDX-License-Identifier: MIT
//! A TLS 1.2 server that echoes and closes when it reads CLOSE, for each SUITE/CURVE on a port of its own:
//!     tls-server-rust CHAIN KEY SUITE/CURVE...
use rustls::crypto::ring::{cipher_suite, kx_group};
use rustls::{crypto::CryptoProvider, ServerConfig, ServerConnection, Stream, SupportedCipherSuite};
use std::io::{BufReader, Read, Write};
use std::{env, fs::File, net::TcpListener, net::TcpStream, sync::Arc, thread};

fn suite(name: &str) -> SupportedCipherSuite {
    match name {
        "ECDHE-ECDSA-CHACHA20-POLY1305" => cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-RSA-CHACHA20-POLY1305" => cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "ECDHE-ECDSA-AES128-GCM-SHA256" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-RSA-AES128-GCM-SHA256" => cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "ECDHE-ECDSA-AES256-GCM-SHA384" => cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "ECDHE-RSA-AES256-GCM-SHA384" => cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        _ => panic!("suite {name}"),
    }
}

fn config(chain: &str, key: &str, line: &str) -> ServerConfig {
    let (name, curve) = line.split_once('/').unwrap();
    let provider = CryptoProvider {
        cipher_suites: vec![suite(name)],
        kx_groups: vec![if curve == "X25519" { kx_group::X25519 } else { kx_group::SECP256R1 }],
        ..rustls::crypto::ring::default_provider()
    };
    let certs = rustls_pemfile::certs(&mut BufReader::new(File::open(chain).unwrap())).map(|c| c.unwrap()).collect();
    let key = rustls_pemfile::private_key(&mut BufReader::new(File::open(key).unwrap())).unwrap().unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

fn serve(config: Arc<ServerConfig>, mut socket: TcpStream) {
    let mut conn = ServerConnection::new(config).unwrap();
    let mut buf = [0u8; 4096];
    loop {
        let mut stream = Stream::new(&mut conn, &mut socket);
        match stream.read(&mut buf) {
            Ok(n) if n > 0 && !buf.starts_with(b"CLOSE") => {
                if stream.write_all(&buf[..n]).is_err() {
                    return;
                }
            }
            _ => break,
        }
    }
    conn.send_close_notify();
    while conn.wants_write() && conn.write_tls(&mut socket).is_ok() {}
}

fn main() {
    let words: Vec<String> = env::args().collect();
    let threads: Vec<_> = words[3..]
        .iter()
        .map(|line| {
            let config = Arc::new(config(&words[1], &words[2], line));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            println!("listening on {}", listener.local_addr().unwrap());
            thread::spawn(move || {
                for socket in listener.incoming() {
                    let config = config.clone();
                    thread::spawn(move || serve(config, socket.unwrap()));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
