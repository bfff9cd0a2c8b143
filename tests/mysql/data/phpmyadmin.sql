-- phpMyAdmin SQL Dump
-- version 5.2.1deb1
-- https://www.phpmyadmin.net/
--
-- Host: localhost:3306

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
START TRANSACTION;
SET time_zone = "+00:00";


/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;

DELIMITER $$
--
-- Procedures
--
CREATE PROCEDURE `p` ()   BEGIN
  SELECT 'a;b' AS `x``y`; -- it's; a comment
END$$

DELIMITER ;

-- --------------------------------------------------------

--
-- Table structure for table `t`
--

CREATE TABLE `t` (
  `id` int(11) NOT NULL,
  `name` varchar(80) NOT NULL COMMENT 'it''s; here',
  `b` blob DEFAULT NULL,
  `v` decimal(10,2) DEFAULT '0.00'
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;

--
-- Dumping data for table `t`
--

INSERT INTO `t` (`id`, `name`, `b`, `v`) VALUES
(0, 'zero', NULL, '-1.50'),
(1, 'O\'Hara; \"x\" \\', 0x00ff5c27, '0.00'),
(2, 'two\r\nlines -- no comment /* nor this */', '', '12345.67');

-- --------------------------------------------------------

--
-- Stand-in structure for view `w`
-- (See below for the actual view)
--
CREATE TABLE `w` (
`id` int(11)
);

--
-- Triggers `t`
--
DELIMITER $$
CREATE TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW BEGIN
  SET @n = IFNULL(@n, 0) + 1; # one more;
END
$$
DELIMITER ;

-- --------------------------------------------------------

--
-- Structure for view `w`
--
DROP TABLE IF EXISTS `w`;

CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `w`  AS SELECT `t`.`id` AS `id` FROM `t` ;

--
-- Indexes for table `t`
--
ALTER TABLE `t`
  ADD PRIMARY KEY (`id`),
  ADD KEY `name` (`name`);

--
-- AUTO_INCREMENT for table `t`
--
ALTER TABLE `t`
  MODIFY `id` int(11) NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=3;
COMMIT;

/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
