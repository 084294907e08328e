<?php
// For php -S: files as they are, everything else to WordPress; every request a line in the access log.
$path = urldecode( parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) );
$file = $_SERVER['DOCUMENT_ROOT'] . $path;
$log  = dirname( $_SERVER['DOCUMENT_ROOT'] ) . '/access.log';
$line = function ( int $status ) use ( $log ): void {
	$request = array( $_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $status );
	file_put_contents( $log, json_encode( $request ) . "\n", FILE_APPEND | LOCK_EX );
};
if ( is_file( $file ) && ! str_ends_with( $file, '.php' ) ) {
	$line( 200 );
	return false;
}
register_shutdown_function( fn() => $line( http_response_code() ) );
if ( is_dir( $file ) && is_file( rtrim( $file, '/' ) . '/index.php' ) && '/' !== $path ) {
	$path = rtrim( $path, '/' ) . '/index.php';
	$file = $_SERVER['DOCUMENT_ROOT'] . $path;
}
$script                     = is_file( $file ) ? $path : '/index.php';
$_SERVER['SCRIPT_NAME']     = $script;
$_SERVER['PHP_SELF']        = $script;
$_SERVER['SCRIPT_FILENAME'] = $_SERVER['DOCUMENT_ROOT'] . $script;
chdir( dirname( $_SERVER['SCRIPT_FILENAME'] ) );
require $_SERVER['SCRIPT_FILENAME'];
